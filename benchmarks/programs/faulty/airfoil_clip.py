"""Surface pressure surrogate: per-point features of an airfoil mesh -> (Ux, Uy, p).  Baseline train.py of our group's sweep."""
import sys, math
from dataclasses import dataclass
import numpy as np
import torch, torch.nn as nn
from tb_lossdiag import DiagWriter


@dataclass
class Config:
    lr: float = 2e-2
    momentum: float = 0.9
    max_norm: float = 0.05 if sys.argv[1] == "faulty" else 5.0
    epochs: int = 14
    batch: int = 8
    surf_weight: float = 5.0
    hidden: int = 48


cfg = Config()
torch.manual_seed(0); torch.set_num_threads(1); rng = np.random.default_rng(0)


def case(n=64):
    """thin-aerofoil-like analytic flow with camber, angle of attack, Mach-like parameter"""
    aoa, camber, thick, u0 = rng.uniform(-.12, .2), rng.uniform(0, .06), rng.uniform(.08, .18), rng.uniform(.7, 1.3)
    s = rng.uniform(0, 2 * np.pi, n); r = np.where(rng.random(n) < .4, 1., 1 + rng.exponential(.5, n))
    xs, ys = r * np.cos(s), r * np.sin(s)
    gam = 2 * np.sin(aoa + 2 * camber)
    ur = u0 * np.cos(s - aoa) * (1 - 1 / r ** 2)
    ut = -u0 * np.sin(s - aoa) * (1 + 1 / r ** 2) - gam * u0 / r
    ux, uy = ur * np.cos(s) - ut * np.sin(s), ur * np.sin(s) + ut * np.cos(s)
    ux, uy = ux * (1 + thick * np.exp(-ys ** 2 * 4)), uy * (1 - thick * xs)
    p = .5 * (u0 ** 2 - ux ** 2 - uy ** 2)
    feat = np.stack([xs, ys, np.full(n, aoa * 10), np.full(n, camber * 30 - 1), np.full(n, thick * 20 - 2.6), np.full(n, (u0 - 1) * 4), (r == 1) * 1., 1 / r], 1)
    tgt = np.stack([ux, uy, p], 1)
    return feat, tgt + .03 * rng.standard_normal(tgt.shape)


cases = [case() for _ in range(640)]
X = torch.tensor(np.stack([c[0] for c in cases]), dtype=torch.float32)
Y = torch.tensor(np.stack([c[1] for c in cases]), dtype=torch.float32)
Y = (Y - Y[:520].mean((0, 1))) / Y[:520].std((0, 1))
X = (X - X[:520].mean((0, 1))) / X[:520].std((0, 1))
surf = torch.tensor(np.stack([c[0][:, 6] for c in cases]) > .5)
tr, va = torch.arange(520), torch.arange(520, 640)


class PointNetLike(nn.Module):
    def __init__(self, h):
        super().__init__()
        self.local = nn.Sequential(nn.Linear(8, h), nn.GELU(), nn.Linear(h, h), nn.GELU())
        self.dec = nn.Sequential(nn.Linear(2 * h, h), nn.GELU(), nn.Linear(h, h), nn.GELU(), nn.Linear(h, 3))

    def forward(self, x):
        l = self.local(x)
        return self.dec(torch.cat([l, l.mean(1, keepdim=True).expand_as(l)], -1))


def criterion(pred, y, on_surf):
    sq = (pred - y) ** 2
    return sq.mean() + cfg.surf_weight * (sq[..., 2] * on_surf).sum() / on_surf.sum()


model = PointNetLike(cfg.hidden)
optimizer = torch.optim.SGD(model.parameters(), lr=cfg.lr, momentum=cfg.momentum)
total = cfg.epochs * (len(tr) // cfg.batch)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1, (s + 1) / 50) * .5 * (1 + math.cos(math.pi * min(1., s / total))))
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)

for epoch in range(cfg.epochs):
    model.train()
    norms, losses = [], []
    for b in tr[torch.randperm(len(tr))].split(cfg.batch):
        optimizer.zero_grad(set_to_none=True)
        loss = writer.loss_fn(model(X[b]), Y[b], surf[b])
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=cfg.max_norm).item())
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(X[va]); vl = writer.loss_fn(out, Y[va], surf[va]).item()
        surf_p = (out - Y[va])[..., 2][surf[va]].abs().mean().item()
    print(f"epoch {epoch:2d} | train/loss {np.mean(losses):.4f} | grad norm {np.mean(norms):.2f} | val/loss {vl:.4f} | val/surf_p {surf_p:.4f}")
writer.close()
print(f"RESULT train={np.mean(losses):.4f} val={vl:.4f} surf_p={surf_p:.4f}")
