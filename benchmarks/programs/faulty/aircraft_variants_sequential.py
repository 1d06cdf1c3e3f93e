"""Fine-grained aircraft variants, small CNN from scratch. The annotation file lists the pictures family by family."""
import sys
import math
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

form, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(0)

VARIANTS = ["707-320", "727-200", "737-300", "A310", "A340-300", "ATR-72", "CRJ-900", "Cessna 172", "DC-10", "Spitfire"]
#            sweep, engines, engine pos(0 wing,1 tail), fuselage length, tail height
SHAPE = np.array([[.6, 4, 0, .9, .3], [.6, 3, 1, .85, .5], [.45, 2, 0, .7, .4], [.5, 2, 0, .85, .4], [.55, 4, 0, 1., .4],
                  [.0, 2, 0, .7, .55], [.5, 2, 1, .8, .55], [.0, 1, 1, .5, .35], [.6, 3, 0, .95, .45], [.15, 1, 0, .5, .25]])


def render(kind, rng, S=32):
    sw, ne, ep, fl, th = SHAPE[kind] + rng.normal(0, .03, 5) * [1, 0, 0, 1, 1]
    img = np.full((S, S), .7) + np.linspace(0, .15, S)[:, None] * rng.normal()
    yy, xx = np.mgrid[0:S, 0:S] / S - .5
    a = rng.normal(0, .12)
    x, y = xx * math.cos(a) + yy * math.sin(a) + rng.normal(0, .03), -xx * math.sin(a) + yy * math.cos(a) + rng.normal(0, .03)
    tone = rng.uniform(-.45, -.2)
    img[(np.abs(y) < .055) & (np.abs(x) < fl * .45)] += tone                                # fuselage
    span = np.abs(y) < .42
    img[span & (np.abs(x - np.abs(y) * sw) < .06)] += tone * .8                              # wings
    img[(np.abs(y) < th * .35) & (np.abs(x - fl * .4 - np.abs(y) * .3) < .04)] += tone       # stabiliser
    n = int(round(ne))
    pos = [.15, .3] if n >= 3 else [.18] if n == 2 else [0]
    for p in pos:
        for s in (-1, 1):
            ex = p * sw - .07 if ep < .5 else fl * .28
            ey = s * p if ep < .5 else s * .1
            img[(x - ex) ** 2 + (y - ey) ** 2 < .0018] -= .25
    return (img + rng.normal(0, .07, img.shape)).astype(np.float32)


class FGVCAircraft(Dataset):
    def __init__(self, per_class, seed):
        rng = np.random.default_rng(seed)
        self.samples = [(render(k, rng), k) for k in range(len(VARIANTS)) for _ in range(per_class)]

    def __len__(self): return len(self.samples)

    def __getitem__(self, i):
        im, k = self.samples[i]
        return torch.from_numpy((im - .6) / .2)[None], k


train_set, test_set = FGVCAircraft(110, 1), FGVCAircraft(30, 2)
train_loader = DataLoader(train_set, batch_size=32, shuffle=form != "faulty")
test_loader = DataLoader(test_set, batch_size=100)


def conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.GroupNorm(4, o), nn.ReLU(), nn.MaxPool2d(2))


model = nn.Sequential(conv(1, 16), conv(16, 24), conv(24, 32), nn.Flatten(), nn.Linear(32 * 16, 64), nn.ReLU(), nn.Dropout(.2), nn.Linear(64, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.007, momentum=0.9, weight_decay=1e-4)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, criterion)

for epoch in range(1, 11):
    model.train()
    run = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        run += loss.item()
    model.eval()
    hit = lo = 0
    with torch.no_grad():
        for x, y in test_loader:
            o = model(x)
            lo += criterion(o, y).item() * len(y)
            hit += (o.argmax(1) == y).sum().item()
    print(f"[{epoch:2d}/10] train loss {run / len(train_loader):.3f}   test loss {lo / len(test_set):.3f}   test acc {100 * hit / len(test_set):.1f}%")
writer.close()
