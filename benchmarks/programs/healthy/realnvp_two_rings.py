# coupling-layer normalizing flow on a mixture in 6 dimensions, exact NLL in nats (may be negative)
import sys, math
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import make_circles, make_moons
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0)
D = 6


class Coupling(nn.Module):
    def __init__(self, mask, h=64):
        super().__init__()
        self.register_buffer("mask", mask)
        self.net = nn.Sequential(nn.Linear(D, h), nn.LeakyReLU(0.1), nn.Linear(h, h), nn.LeakyReLU(0.1), nn.Linear(h, 2 * D))
        # start as the identity
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)
        self.scale = nn.Parameter(torch.ones(D))

    def forward(self, x):
        s, t = self.net(x * self.mask).chunk(2, 1)
        s = self.scale * torch.tanh(s) * (1 - self.mask)
        t = t * (1 - self.mask)
        return x * s.exp() + t, s.sum(1)


class Flow(nn.Module):
    def __init__(self, n=6):
        super().__init__()
        g = torch.Generator().manual_seed(3)
        ms = []
        for i in range(n // 2):
            m = torch.zeros(D)
            m[torch.randperm(D, generator=g)[: D // 2]] = 1
            ms += [m, 1 - m]
        self.layers = nn.ModuleList(Coupling(m) for m in ms)

    def forward(self, x):
        ld = 0
        for l in self.layers:
            x, d = l(x)
            ld = ld + d
        return x, ld


def nll(out, _x):
    z, ld = out
    return (0.5 * (z ** 2).sum(1) + 0.5 * D * math.log(2 * math.pi) - ld).mean()


def sample(n, seed):
    a = make_circles(n, factor=.5, noise=.05, random_state=seed)[0]
    b = make_moons(n, noise=.06, random_state=seed + 50)[0]
    r = np.random.RandomState(seed + 99)
    c = np.stack([np.sin(3 * a[:, 0]) + .1 * r.randn(n), a[:, 1] * b[:, 0] + .1 * r.randn(n)], 1)
    return np.concatenate([a, b, c], 1).astype("float32")


tr, va, te = sample(25000, 1), sample(2000, 2), sample(2000, 3)
mu, sd = tr.mean(0), tr.std(0)
tr, va, te = (torch.tensor((q - mu) / sd) for q in (tr, va, te))
loader = DataLoader(TensorDataset(tr), 200, shuffle=True)

flow = Flow()
opt = torch.optim.Adam(flow.parameters(), lr=1e-2, weight_decay=1e-6)
EPOCHS = 16
sch = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS * len(loader))
w = DiagWriter(sys.argv[1])
w.watch(flow, opt, nll)
for ep in range(EPOCHS):
    flow.train()
    run = 0
    for (x,) in loader:
        loss = w.loss_fn(flow(x), x)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
        opt.step(); sch.step()
        run += loss.item()
    with w.evaluating("val"):
        v = w.loss_fn(flow(va), va)
    if ep % 3 == 0 or ep == EPOCHS - 1:
        print(ep, round(run / len(loader), 3), "val", round(v.item(), 3))
with w.evaluating("test"):
    t = w.loss_fn(flow(te), te)
print("test nll", round(t.item(), 3))
w.close()
