"""Length of stay (days) at admission.  Log-normal by nature, so the net predicts log(1 + days)."""
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(20)
rng = np.random.default_rng(20)


def load_admissions(n=5000):
    age = rng.normal(61, 17, n).clip(18, 98)
    ward = rng.choice(6, n, p=[.3, .2, .15, .15, .12, .08])
    emergency = (rng.random(n) < .35 + .004 * (age - 60)).astype(float)
    charlson = rng.poisson(.03 * age, n)
    crp = np.exp(rng.normal(2 + .6 * emergency, 1, n))
    albumin = rng.normal(38 - .8 * charlson, 4, n)
    prior = rng.poisson(.3 + .15 * charlson, n)
    alone = (rng.random(n) < .3).astype(float)
    weekday = rng.integers(0, 7, n)
    mu = (1.0 + np.array([0, .3, .55, -.3, .8, -.6])[ward] + .007 * (age - 60) + .3 * emergency + .07 * charlson
          + .13 * (np.log(crp) - 2) * emergency - .03 * (albumin - 38) + .2 * alone * (age > 70) + .1 * (weekday >= 4))
    days = np.round(np.exp(mu + .5 * rng.standard_normal(n)), 1)
    num = np.stack([age, np.log(crp), albumin, np.log1p(charlson), np.log1p(prior)], 1)
    num = (num - num.mean(0)) / num.std(0)
    cat = np.concatenate([np.eye(6)[ward], np.eye(7)[weekday], emergency[:, None], alone[:, None]], 1)
    return np.concatenate([num, cat], 1).astype(np.float32), days.astype(np.float32)


class StayNet(nn.Module):
    def __init__(self, n_in):
        super().__init__()
        self.l1 = nn.Linear(n_in, 64)
        self.l2 = nn.Linear(64, 32)
        self.l3 = nn.Linear(32, 1)

    def forward(self, x):
        x = F.leaky_relu(self.l1(x))
        x = F.dropout(x, 0.2, self.training)
        x = F.leaky_relu(self.l2(x))
        return self.l3(x).squeeze(-1)


def train_one_epoch(net, opt, x, y, batch=80):
    net.train()
    losses = []
    for i in torch.randperm(len(x)).split(batch):
        loss = F.smooth_l1_loss(net(x[i]), y[i], beta=0.5)
        writer.add_loss("train", loss)
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


@torch.no_grad()
def evaluate(net, x, y):
    net.eval()
    p = net(x)
    return F.smooth_l1_loss(p, y, beta=0.5).item(), (p.expm1() - y.expm1()).abs().median().item(), 1 - (p - y).var().item() / y.var().item()


X, days = load_admissions()
x, y = torch.from_numpy(X), torch.from_numpy(np.log1p(days))
idx = torch.randperm(len(x))
tr, va = idx[:4000], idx[4000:]
net = StayNet(x.shape[1])
nn.init.constant_(net.l3.bias, y[tr].mean().item())
opt = torch.optim.RMSprop(net.parameters(), lr=1e-3, weight_decay=1e-4)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt)
for epoch in range(14):
    t = train_one_epoch(net, opt, x[tr], y[tr])
    with writer.evaluating("val"):
        v, med, r2 = evaluate(net, x[va], y[va])
        writer.add_loss("val", v)
    for g in opt.param_groups:
        g["lr"] *= 0.86
    print(f"{epoch + 1:3d} | {t:.4f} | {v:.4f} | median error {med:.2f} d | R2 {r2:.3f}")
writer.close()
base = F.smooth_l1_loss(torch.full_like(y[va], y[tr].median().item()), y[va], beta=0.5).item()
print(f"RESULT train={t:.4f} val={v:.4f} r2_log={r2:.4f} median_error_days={med:.3f} constant={base:.4f}")
