"""Piecewise exponential survival net (simulated pump failures, right censored at the end of the observation).
loss = Poisson log likelihood on the intervals a pump lived through; it can go below zero, depending on units."""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

rng = np.random.default_rng(11)
torch.manual_seed(11); torch.set_num_threads(1)
N, CUTS = 6000, np.array([0., .25, .5, 1., 1.5, 2., 3.])
K = len(CUTS) - 1


def simulate(n):
    x = rng.normal(size=(n, 6)).astype("f4")
    lin = 0.8 * x[:, 0] - 0.6 * x[:, 1] * (x[:, 2] > 0) + 0.4 * np.sin(2 * x[:, 3]) - 0.7
    u = rng.exponential(size=n)
    t = (u / np.exp(lin)) ** (1 / 1.4)               # Weibull shape 1.4
    c = rng.uniform(.3, 3, n)
    return x, np.minimum(t, c).astype("f4"), (t <= c).astype("f4"), lin


def table(t, d):
    expo = np.clip(t[:, None] - CUTS[None, :-1], 0, np.diff(CUTS)[None])
    which = np.clip(np.searchsorted(CUTS, t, side="right") - 1, 0, K - 1)
    ev = np.zeros_like(expo); ev[np.arange(len(t)), which] = d
    return torch.tensor(expo, dtype=torch.float32), torch.tensor(ev, dtype=torch.float32)


def nll(log_hazard, target):
    exposure, event = target
    return (log_hazard.exp() * exposure - event * log_hazard).sum(1).mean()


class HazardNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(6, 32), nn.ELU(), nn.Linear(32, 32), nn.ELU())
        self.risk = nn.Linear(32, 1, bias=False)
        self.base = nn.Parameter(torch.full((K,), -0.7))

    def forward(self, x):
        return self.base + self.risk(self.trunk(x))


xt, tt, dt, _ = simulate(N); xv, tv, dv, linv = simulate(3000)
Et, Ev = table(tt, dt), table(tv, dv); xt, xv = torch.tensor(xt), torch.tensor(xv)
net = HazardNet()
opt = torch.optim.Adam(net.parameters(), lr=3e-3, weight_decay=1e-4)
sch = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 25)
w = DiagWriter(sys.argv[1]); w.watch(net, opt, nll)
for ep in range(25):
    net.train(); q = torch.randperm(N)
    for i in range(0, N, 64):
        b = q[i:i + 64]
        opt.zero_grad()
        loss = w.loss_fn(net(xt[b]), (Et[0][b], Et[1][b]))
        loss.backward(); opt.step()
    sch.step()
    with w.evaluating("val"):
        v = w.loss_fn(net(xv), Ev).item()
    if ep % 5 == 4: print(ep + 1, loss.item(), v)
w.close()


def cidx(s):
    i, j = rng.integers(0, len(tv), (2, 200000)); ok = (tv[i] < tv[j]) & (dv[i] == 1)
    return (s[i][ok] > s[j][ok]).mean()


net.eval()
with torch.no_grad():
    s = net.risk(net.trunk(xv)).squeeze(1).numpy()
    true_base = np.log(np.diff(CUTS ** 1.4) / np.diff(CUTS))
    oracle = nll(torch.tensor(linv[:, None] + true_base, dtype=torch.float32), Ev).item()
print("RESULT val_loss", round(v, 4), "oracle_loss", round(oracle, 4), "cindex", round(cidx(s), 4), "oracle_cindex", round(cidx(linv), 4))
