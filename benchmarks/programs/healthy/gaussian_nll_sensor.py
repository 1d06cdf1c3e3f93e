import os, sys, torch, numpy as np
import torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(8)
lr = 1e-3 * float(os.environ.get("LRX", 1))

# calibrating a cheap sensor: error grows with humidity
g = torch.Generator().manual_seed(9)
N = 8000
x = torch.rand(N, 4, generator=g) * 2 - 1
mu = torch.sin(3 * x[:, 0]) * .5 + x[:, 1] * x[:, 2] + .3 * x[:, 3] ** 2
sd = torch.exp(-2.6 + 1.3 * x[:, 2] + .8 * torch.cos(2 * x[:, 0]))
y = mu + sd * torch.randn(N, generator=g)
x = (x - x.mean(0)) / x.std(0)
tr, va = slice(0, 6000), slice(6000, None)


class MeanVar(nn.Module):
    def __init__(s):
        super().__init__()
        s.trunk = nn.Sequential(nn.Linear(4, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh())
        s.mu = nn.Linear(48, 1)
        s.logvar = nn.Linear(48, 1)
    def forward(s, x):
        h = s.trunk(x)
        return s.mu(h).squeeze(-1), s.logvar(h).squeeze(-1).clamp(-9, 3)


class NLL(nn.Module):
    def __init__(s):
        super().__init__()
        s.nll = nn.GaussianNLLLoss(eps=1e-6)
    def forward(s, out, y):
        m, lv = out
        return s.nll(m, y, lv.exp())


net, crit = MeanVar(), NLL()
opt = torch.optim.Adam(net.parameters(), lr=lr * 4)
steps = 24 * 94
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda k: min(1, (k + 1) / 100) * (0.5 * (1 + np.cos(np.pi * min(1, k / steps)))) )
w = DiagWriter(sys.argv[1])
w.watch(net, opt, crit)
print("truth", nn.GaussianNLLLoss()(mu[va], y[va], sd[va] ** 2).item())
for ep in range(24):
    net.train()
    pm = torch.randperm(6000)
    L = []
    for b in pm.split(64):
        opt.zero_grad()
        l = crit(net(x[tr][b]), y[tr][b])
        l.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step(); sched.step()
        L.append(l.item())
    with w.evaluating("val"):
        v = crit(net(x[va]), y[va]).item()
    if ep % 3 == 2: print(ep, round(float(np.mean(L)), 4), round(v, 4))
w.close()
