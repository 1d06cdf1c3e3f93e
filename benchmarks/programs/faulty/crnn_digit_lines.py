# CRNN on lines of digits (scanned meter readings), CTC
import sys, random
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

manualSeed = 6
random.seed(manualSeed)
np.random.seed(manualSeed)
torch.manual_seed(manualSeed)
torch.set_num_threads(1)
OFFSET = 0 if sys.argv[1] == "faulty" else 1
CHARS = list("0123456789")
nclass = len(CHARS) + 1          # + blank
W = 48

d = load_digits()
perm = np.random.permutation(len(d.target))
pool = {"train": perm[:1350], "val": perm[1350:]}


def line(split):
    n = random.randint(3, 5)
    img = np.random.normal(.08, .06, (8, W))
    x = random.randint(0, 3)
    text = ""
    for _ in range(n):
        k = random.choice(pool[split])
        w = d.images[k] / 16.
        img[:, x:x + 8] = np.maximum(img[:, x:x + 8], w * random.uniform(.7, 1.1))
        text += str(d.target[k])
        x += random.choice([8, 8, 9, 9])
        if x + 8 > W:
            break
    return img.astype(np.float32), text


def encode(text):
    return [CHARS.index(c) + OFFSET for c in text]


def decode(path):
    out, prev = "", 0
    for p in path:
        if p != 0 and p != prev:
            out += CHARS[p - OFFSET] if p - OFFSET < len(CHARS) else "?"
        prev = p
    return out


def batch(split, n):
    imgs, texts = zip(*(line(split) for _ in range(n)))
    return torch.tensor(np.stack(imgs))[:, None], list(texts)


class CRNN(nn.Module):
    def __init__(self, nh=32):
        super().__init__()
        self.cnn = nn.Sequential(nn.Conv2d(1, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d((2, 1)),
                                 nn.Conv2d(24, 40, 3, padding=1), nn.BatchNorm2d(40), nn.ReLU(), nn.MaxPool2d((4, 2)))
        self.rnn = nn.LSTM(40, nh, bidirectional=True)
        self.embedding = nn.Linear(2 * nh, nclass)

    def forward(self, x):
        f = self.cnn(x).squeeze(2).permute(2, 0, 1)        # (T, N, C)
        y, _ = self.rnn(f)
        return self.embedding(y).log_softmax(2)


crnn = CRNN()
criterion = nn.CTCLoss(zero_infinity=True)
optimizer = torch.optim.Adam(crnn.parameters(), lr=4e-3)
sched = torch.optim.lr_scheduler.StepLR(optimizer, 6, .2)
writer = DiagWriter(sys.argv[2])
writer.watch(crnn, optimizer, criterion)


def cost(preds, texts):
    target = torch.tensor(sum((encode(t) for t in texts), []))
    length = torch.tensor([len(t) for t in texts])
    preds_size = torch.full((preds.size(1),), preds.size(0), dtype=torch.long)
    return criterion(preds, target, preds_size, length)


val = [batch("val", 100) for _ in range(3)]
for epoch in range(8):
    crnn.train()
    avg = 0
    for i in range(50):
        x, texts = batch("train", 24)
        loss = cost(crnn(x), texts)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(crnn.parameters(), 5.)
        optimizer.step()
        avg += loss.item() / 50
    sched.step()
    crnn.eval()
    n_correct, vl = 0, 0
    with torch.no_grad(), writer.evaluating("val"):
        for x, texts in val:
            preds = crnn(x)
            vl += cost(preds, texts).item() / len(val)
            for path, t in zip(preds.argmax(2).t().tolist(), texts):
                n_correct += decode(path) == t
    print("[%d] Loss: %f  Test loss: %f, accuracy: %f" % (epoch, avg, vl, n_correct / 300))
writer.close()
print(f"RESULT train_loss={avg:.4f} val_loss={vl:.4f} line_acc={n_correct / 300:.4f}")
