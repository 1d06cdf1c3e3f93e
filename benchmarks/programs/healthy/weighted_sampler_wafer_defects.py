# wafer maps: 85 % without defect, rare patterns oversampled by a WeightedRandomSampler; validation and test keep the natural shares
import sys
import numpy as np
import torch
import torch.nn as nn
from collections import Counter
from torch.utils.data import Dataset, DataLoader, WeightedRandomSampler
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(17)

S = 14
CLASSES, SHARE = ["none", "center", "edge-ring", "scratch", "donut"], [.85, .06, .04, .03, .02]


def wafer(k, r):
    yy, xx = np.mgrid[-1:1:S * 1j, -1:1:S * 1j]
    rad = np.hypot(xx, yy)
    p = np.full((S, S), .12)
    if k == 1: p += .5 * np.exp(-((xx - r.normal(0, .12)) ** 2 + (yy - r.normal(0, .12)) ** 2) / .08)
    if k == 2: p += .45 * (rad > r.uniform(.72, .85))
    if k == 3:
        a, b = r.uniform(0, np.pi), r.normal(0, .25)
        p += .6 * (abs(np.cos(a) * xx + np.sin(a) * yy - b) < .1)
    if k == 4: p += .45 * (abs(rad - r.uniform(.42, .55)) < .14)
    return np.where(rad <= 1.05, (r.rand(S, S) < p) * 1. + 1, 0)


class Wafers(Dataset):
    def __init__(self, n, seed, train=False):
        r = np.random.RandomState(seed)
        self.y = r.choice(5, n, p=SHARE)
        self.x = torch.tensor(np.stack([wafer(k, r) for k in self.y]), dtype=torch.float32)[:, None] - 1
        self.train = train
    def __len__(self): return len(self.y)
    def __getitem__(self, i):
        x = self.x[i]
        if self.train:
            x = torch.rot90(x, int(torch.randint(4, (1,))), (1, 2))
            if torch.rand(1) < .5: x = x.flip(2)
        return x, int(self.y[i])


tr, va, te = Wafers(8000, 1, True), Wafers(2500, 2), Wafers(2500, 3)
cnt = Counter(tr.y.tolist())
wts = [1 / cnt[k] ** .5 for k in tr.y]         # square root, not fully balanced
sampler = WeightedRandomSampler(wts, num_samples=3000, replacement=True)
train_loader = DataLoader(tr, 64, sampler=sampler)
val_loader, test_loader = DataLoader(va, 500), DataLoader(te, 500)


def dw(i, o, s):
    return nn.Sequential(nn.Conv2d(i, i, 3, s, 1, groups=i, bias=False), nn.BatchNorm2d(i), nn.ReLU6(), nn.Conv2d(i, o, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU6())


model = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU6(), dw(16, 32, 2), dw(32, 48, 2),
                      nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(.2), nn.Linear(48, 5))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, alpha=.9, momentum=.9, weight_decay=1e-5)
N = 12
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, N)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion, train_loader=train_loader)


def run_eval(loader, split):
    tot, P, T = 0., [], []
    with writer.evaluating(split):
        for x, y in loader:
            o = model(x); tot += criterion(o, y).item() * len(y); P.append(o.argmax(1)); T.append(y)
    P, T = torch.cat(P), torch.cat(T)
    rec = [(P[T == k] == k).float().mean().item() for k in range(5)]
    return tot / len(T), (P == T).float().mean().item(), np.mean(rec)


for ep in range(N):
    model.train(); s = 0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward(); optimizer.step(); s += loss.item()
    scheduler.step()
    print(ep, "train %.4f" % (s / len(train_loader)), "val %.4f acc %.4f balanced %.3f" % run_eval(val_loader, "val"))
print("test %.4f acc %.4f balanced %.3f" % run_eval(test_loader, "test"))
writer.close()
