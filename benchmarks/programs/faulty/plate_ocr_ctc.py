import sys, time
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(4); rs = np.random.RandomState(4)
CHARS = "0123456789-"
BLANK = len(CHARS) - 1

dg = load_digits()
glyph = dg.images.astype("float32") / 16


def plate(ids):
    """3 or 4 digits on a 12 x 48 plate"""
    k = rs.randint(3, 5)
    img = np.full((12, 48), .15, "float32") + .08 * rs.randn(12, 48).astype("float32")
    x, lab = rs.randint(0, 48 - k * 11 + 1), []
    for _ in range(k):
        j = ids[rs.randint(len(ids))]
        yy = rs.randint(0, 5)
        img[yy:yy + 8, x:x + 8] += glyph[j] * rs.uniform(.6, 1)
        lab.append(dg.target[j])
        x += rs.randint(9, 12)
    return (img - .35) / .35, lab


ids = rs.permutation(len(glyph))
data = [plate(ids[:1400]) for _ in range(2600)]
test = [plate(ids[1400:]) for _ in range(300)]


def batches(d, bs, shuffle):
    o = rs.permutation(len(d)) if shuffle else np.arange(len(d))
    for i in range(0, len(d) - bs + 1, bs):
        b = [d[j] for j in o[i:i + bs]]
        yield (torch.tensor(np.stack([p[0] for p in b]))[:, None].float(),
               torch.tensor(sum((list(p[1]) for p in b), [])), torch.tensor([len(p[1]) for p in b]))


class LPRNet(nn.Module):
    def __init__(self, n_class):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.MaxPool2d((2, 1)), nn.Conv2d(32, 48, (3, 5), padding=(0, 2)), nn.ReLU(), nn.Dropout(.2))
        self.container = nn.Conv2d(48, n_class, 1)

    def forward(self, x):
        return self.container(self.backbone(x)).squeeze(2)      # N, C, T


lprnet = LPRNet(len(CHARS))
ctc = nn.CTCLoss(blank=BLANK, reduction="mean")
base_lr = 0.1 if mode == "faulty" else 0.003
optimizer = torch.optim.RMSprop(lprnet.parameters(), lr=base_lr, alpha=0.9, eps=1e-08, momentum=0.0, weight_decay=2e-5)
max_epoch = 10


def adjust(ep):
    for g in optimizer.param_groups:
        g["lr"] = base_lr * (0.3 if ep >= 8 else 1)


def run_ctc(images, labels, lens):
    logits = lprnet(images)
    lp = logits.permute(2, 0, 1).log_softmax(2)
    return logits, ctc(lp, labels, torch.full_like(lens, lp.size(0)), lens)


def greedy_eval():
    lprnet.eval()
    hit = n = 0
    tot = 0.
    with torch.no_grad():
        for images, labels, lens in batches(test, 50, False):
            logits, l = run_ctc(images, labels, lens)
            tot += l.item() * 50
            pos = 0
            for seq, k in zip(logits.argmax(1).tolist(), lens.tolist()):
                dec = [c for i, c in enumerate(seq) if c != BLANK and (i == 0 or c != seq[i - 1])]
                hit += dec == labels[pos:pos + k].tolist(); pos += k; n += 1
    lprnet.train()
    return tot / n, hit / n


writer = DiagWriter(logdir)
writer.watch(lprnet, optimizer, ctc)
it = 0
for epoch in range(max_epoch):
    adjust(epoch)
    run = []
    for images, labels, lens in batches(data, 32, True):
        optimizer.zero_grad()
        _, loss = run_ctc(images, labels, lens)
        loss.backward()
        optimizer.step()
        run.append(loss.item()); it += 1
    tl, acc = greedy_eval()
    writer.add_scalar("test/loss", tl, it)
    writer.add_scalar("test/accuracy", acc, it)
    print("Epoch:%d || Loss: %.4f || test loss %.4f acc %.3f" % (epoch, np.mean(run), tl, acc))
writer.close()
