"""A one-object detector as in Kaggle notebooks: digit pasted on a noisy canvas; class and box heads, CE + SmoothL1 weighted."""
import sys
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

SEED, BATCH_SIZE, EPOCHS, LR, BOX_WEIGHT = 7, 64, 6, 3e-3, 5.0
torch.set_num_threads(1)
torch.manual_seed(SEED)


class DigitBox(torch.utils.data.Dataset):
    def __init__(self, images, labels, repeat, seed):
        rng = np.random.default_rng(seed)
        self.items = []
        for img, lab in list(zip(images, labels)) * repeat:
            c = rng.normal(0, 0.1, (24, 24)).astype(np.float32)
            s = rng.integers(1, 3)
            img2 = np.kron(img / 16, np.ones((s, s)))
            y, x = rng.integers(0, 24 - 8 * s + 1, 2)
            c[y : y + 8 * s, x : x + 8 * s] += img2
            box = np.array([x, y, x + 8 * s, y + 8 * s], np.float32) / 24
            self.items.append((torch.from_numpy(c)[None], int(lab), torch.from_numpy(box)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        def block(i, o):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))
        self.backbone = nn.Sequential(block(1, 16), block(16, 32), block(32, 64))
        self.fc = nn.Sequential(nn.Flatten(), nn.Linear(64 * 9, 128), nn.ReLU(), nn.Dropout(0.2))
        self.cls_head = nn.Linear(128, 10)
        self.box_head = nn.Linear(128, 4)

    def forward(self, x):
        h = self.fc(self.backbone(x))
        return self.cls_head(h), torch.sigmoid(self.box_head(h))


def iou(a, b):
    lt, rb = torch.max(a[:, :2], b[:, :2]), torch.min(a[:, 2:], b[:, 2:])
    inter = (rb - lt).clamp(min=0).prod(1)
    return inter / ((a[:, 2:] - a[:, :2]).clamp(min=0).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - inter)


d = load_digits()
o = np.random.default_rng(SEED).permutation(len(d.images))
train_dl = torch.utils.data.DataLoader(DigitBox(d.images[o[:1400]], d.target[o[:1400]], 6, 0), BATCH_SIZE, shuffle=True)
valid_dl = torch.utils.data.DataLoader(DigitBox(d.images[o[1400:]], d.target[o[1400:]], 1, 1), BATCH_SIZE)
model = Detector()
opt = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=1e-2)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS * len(train_dl))


def criterion(out, cls, box):
    logits, pred = out
    return F.cross_entropy(logits, cls) + BOX_WEIGHT * F.smooth_l1_loss(pred, box, beta=0.1)


writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, criterion, train_loader=train_dl)
for epoch in range(EPOCHS):
    model.train()
    for img, cls, box in train_dl:
        loss = writer.loss_fn(model(img), cls, box)
        opt.zero_grad(); loss.backward(); opt.step(); sched.step()
    acc, ious, vl = [], [], []
    with writer.evaluating("val"):
        for img, cls, box in valid_dl:
            out = model(img)
            vl.append(writer.loss_fn(out, cls, box).item())
            acc += (out[0].argmax(1) == cls).tolist()
            ious += iou(out[1], box).tolist()
print(f"RESULT train {loss.item():.3f} val {np.mean(vl):.3f} acc {np.mean(acc):.3f} iou {np.mean(ious):.3f}")
writer.close()
