# pytorch-fcn style Trainer: validation runs every interval_validate iterations inside the epoch
import math, sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

form, LOGDIR = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(1337)
np.random.seed(1337)
CLASSES = ["sky", "road", "building", "tree", "car"]


def scene(rng, S=32):
    """street scene made of rectangles and blobs; lighting differs from picture to picture"""
    lab = np.zeros((S, S), int)
    h = rng.integers(14, 20)
    lab[h:] = 1
    for _ in range(rng.integers(1, 4)):
        x, w, t = rng.integers(0, S - 6), rng.integers(4, 10), rng.integers(3, h - 2)
        lab[t:h, x:x + w] = 2
    yy, xx = np.mgrid[0:S, 0:S]
    for _ in range(rng.integers(0, 3)):
        cx, cy, r = rng.integers(2, S - 2), h - rng.integers(1, 5), rng.integers(2, 5)
        lab[(xx - cx) ** 2 + (yy - cy) ** 2 < r * r] = 3
    for _ in range(rng.integers(0, 3)):
        x, y = rng.integers(0, S - 6), rng.integers(h, S - 4)
        lab[y:y + 3, x:x + 6] = 4
    base = np.array([[.60, .70, .85], [.40, .40, .42], [.55, .45, .40], [.30, .45, .28], [.55, .35, .45]])
    img = base[lab] + rng.normal(0, .14, (S, S, 3))
    img = img * rng.uniform(.6, 1.3) + rng.normal(0, .05, 3)
    return img.transpose(2, 0, 1).astype(np.float32), lab


class FCN(nn.Module):
    def __init__(self, n_class=5, w=16):
        super().__init__()
        def cbr(i, o, s=1): return nn.Sequential(nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True))
        self.c1 = cbr(3, w)
        self.c2 = nn.Sequential(cbr(w, 2 * w, 2), cbr(2 * w, 2 * w))
        self.c3 = nn.Sequential(cbr(2 * w, 4 * w, 2), cbr(4 * w, 4 * w))
        self.drop = nn.Dropout2d(0.5)
        self.score3 = nn.Conv2d(4 * w, n_class, 1)
        self.score2 = nn.Conv2d(2 * w, n_class, 1)
        self.score1 = nn.Conv2d(w, n_class, 1)

    def forward(self, x):
        a = self.c1(x); b = self.c2(a); c = self.drop(self.c3(b))
        s = F.interpolate(self.score3(c), scale_factor=2, mode="bilinear", align_corners=False) + self.score2(b)
        return F.interpolate(s, scale_factor=2, mode="bilinear", align_corners=False) + self.score1(a)


class Trainer(object):
    def __init__(self, model, optimizer, crit, train, val, max_iter, interval_validate):
        self.model, self.optim, self.crit = model, optimizer, crit
        self.train_set, self.val_set = train, val
        self.max_iter, self.interval_validate = max_iter, interval_validate
        self.iteration, self.epoch = 0, 0

    def validate(self):
        self.model.eval()
        x, y = self.val_set
        with torch.no_grad():
            score = self.model(x)
        loss = self.crit(score, y).item()
        pred = score.argmax(1)
        ious = [((pred == k) & (y == k)).sum().item() / max(1, ((pred == k) | (y == k)).sum().item()) for k in range(5)]
        print("iter %4d  valid/loss %.4f  valid/mean_iu %.4f" % (self.iteration, loss, np.mean(ious)))
        if form != "faulty":
            self.model.train()

    def train_epoch(self):
        self.model.train()
        X, Y = self.train_set
        order = torch.randperm(len(X))
        for i in range(0, len(X), 8):
            if self.iteration % self.interval_validate == 0:
                self.validate()
            b = order[i:i + 8]
            self.optim.zero_grad()
            loss = self.crit(self.model(X[b]), Y[b])
            if math.isnan(loss.item()):
                raise ValueError("loss is nan while training")
            loss.backward()
            self.optim.step()
            self.iteration += 1
            if self.iteration >= self.max_iter:
                break

    def train(self):
        while self.iteration < self.max_iter:
            self.train_epoch()
            self.epoch += 1
        self.validate()


rng = np.random.default_rng(0)
def stack(n):
    a = [scene(rng) for _ in range(n)]
    return torch.tensor(np.stack([i for i, _ in a])), torch.tensor(np.stack([l for _, l in a]))
train, val = stack(640), stack(96)
model = FCN()
crit = nn.CrossEntropyLoss()
optim = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
writer = DiagWriter(LOGDIR)
writer.watch(model, optim, crit)
Trainer(model, optim, crit, train, val, max_iter=400, interval_validate=80).train()
writer.close()
