# Small point-cloud classifier with learned latent queries, OpenPCDet's way of building the optimizer
import sys
from functools import partial
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim import AdamW
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
FORM, OUT = sys.argv[1], sys.argv[2]


# ---------------------------------------------------------------- optimization/__init__.py
def children(m):
    return list(m.children())


def num_children(m):
    return len(children(m))


def flatten_model_params(m):
    flatten_model = lambda m: sum(map(flatten_model, m.children()), []) if num_children(m) else [m]
    layers = flatten_model(m)
    return [p for l in layers for p in l.parameters()]


def build_optimizer(model, lr, wd):
    if FORM == "faulty":
        params = flatten_model_params(model)
    else:
        params = list(model.parameters())
    return AdamW(params, lr=lr, weight_decay=wd)


# ---------------------------------------------------------------- dataset
def sample_points(rng, kind, n=96):
    """lidar returns of one side of an object: car, van, pedestrian group, cyclist, pole + ground clutter"""
    dims = {0: (4.2, 1.8, 1.5), 1: (5.0, 2.1, 2.3), 2: (1.6, 1.2, 1.75), 3: (1.8, .6, 1.7), 4: (.5, .5, 2.6)}[kind]
    d = np.array(dims) * np.exp(rng.normal(0, .13, 3))
    k = int(n * rng.uniform(.45, .8))
    face = rng.randint(0, 2, k)
    p = rng.uniform(-.5, .5, (k, 3)) * d
    p[np.arange(k), face] = (d / 2)[face]
    if kind == 3:
        p[:, 0] *= np.where(p[:, 2] > 0, .35, 1)
    if kind == 0:
        p[p[:, 2] > .2, 0] *= .6
    p[:, 2] += d[2] / 2
    a = rng.uniform(0, 2 * np.pi)
    R = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    p[:, :2] = p[:, :2] @ R.T
    g = np.c_[rng.uniform(-3, 3, (n - k, 2)), np.abs(rng.normal(0, .5, n - k))]
    pts = np.concatenate([p, g]) + rng.normal(0, .05, (n, 3))
    return pts[rng.permutation(n)].astype(np.float32)


def make(n, seed):
    rng = np.random.RandomState(seed)
    y = rng.randint(0, 5, n)
    return torch.tensor(np.stack([sample_points(rng, k) for k in y])) / 2, torch.tensor(y)


# ---------------------------------------------------------------- model
class KeypointGating(nn.Module):
    """Soft assignment of the points to M learned anchors, then a head on the occupancy of the anchors."""

    def __init__(self, m=40, c=3, n_cls=5):
        super().__init__()
        self.anchors = nn.Parameter(torch.randn(m, c) * .1)
        self.logscale = nn.Parameter(torch.zeros(m))
        self.head = nn.Sequential(nn.Linear(m, 48), nn.ReLU(), nn.Linear(48, n_cls))

    def forward(self, pts):
        f = torch.stack([pts[..., :2].norm(dim=-1), pts[..., 2], pts[..., 0].abs()], -1)
        d = torch.cdist(f, self.anchors.expand(len(f), -1, -1)) ** 2
        occ = torch.exp(-d * self.logscale.exp() * 4).mean(1)
        return self.head(10 * (occ - .05))


Xtr, ytr = make(2400, 0)
Xva, yva = make(600, 1)
model = KeypointGating()
optimizer = build_optimizer(model, lr=5e-3, wd=1e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 12 * 75)
writer = DiagWriter(OUT)
writer.watch(model, optimizer, F.cross_entropy)
for cur_epoch in range(12):
    model.train()
    for b in torch.randperm(2400).split(32):
        optimizer.zero_grad()
        loss = writer.loss_fn(model(Xtr[b]), ytr[b])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10)
        optimizer.step()
        scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        o = model(Xva)
        vl = writer.loss_fn(o, yva).item()
    acc = (o.argmax(1) == yva).float().mean().item()
    print(f"epoch {cur_epoch} loss {loss.item():.3f} val {vl:.3f} acc {acc:.3f}")
writer.close()
print(f"RESULT val_loss={vl:.4f} val_acc={acc:.3f}")
