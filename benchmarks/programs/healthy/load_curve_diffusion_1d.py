"""DDPM for daily household load curves (24 values, simulated; weekday / weekend as condition).  Epsilon prediction, EMA of the weights for sampling.
The loss per batch is noisy and has a floor far from zero."""
import copy
import sys

import numpy as np
import torch
import torch.nn as nn

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(4)
rng = np.random.default_rng(4)


def curves(n):
    h = np.arange(24)
    we = rng.integers(0, 2, n)
    a = np.where(we == 1, rng.normal(0.4, 0.1, n), rng.normal(1.0, 0.2, n))[:, None]
    tm = np.where(we == 1, rng.normal(10.5, 1.0, n), rng.normal(7.5, 0.7, n))[:, None]
    b, te = rng.normal(1.3, 0.25, n)[:, None], rng.normal(19.5, 0.9, n)[:, None]
    x = 0.4 + a * np.exp(-(h - tm) ** 2 / 4) + b * np.exp(-(h - te) ** 2 / 6) + 0.08 * rng.normal(size=(n, 24))
    return x, we


T = 100
beta = torch.linspace(1e-4, 0.06, T)
abar = torch.cumprod(1 - beta, 0)


class Denoiser(nn.Module):
    def __init__(self, width=128):
        super().__init__()
        self.time = nn.Embedding(T, 32)
        self.cond = nn.Embedding(2, 8)
        self.inp = nn.Linear(24 + 40, width)
        self.blocks = nn.ModuleList(nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width)) for _ in range(3))
        self.out = nn.Linear(width, 24)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x, t, c):
        h = self.inp(torch.cat([x, self.time(t), self.cond(c)], 1))
        for b in self.blocks:
            h = h + b(h)
        return self.out(h)


x_all, c_all = curves(6000)
mu, sd = x_all.mean(), x_all.std()
X, C = torch.tensor((x_all - mu) / sd).float(), torch.tensor(c_all)
Xv, Cv, X, C = X[5000:], C[5000:], X[:5000], C[:5000]
net = Denoiser()
ema = copy.deepcopy(net).requires_grad_(False)
opt = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-4)
STEPS = 2000
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min((s + 1) / 100, 1.0) * (1 if s < STEPS // 2 else 2 * (1 - s / STEPS) + 0.02))
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[-1])
writer.watch(net, opt, mse)
g = torch.Generator().manual_seed(0)
tv, ev = torch.randint(T, (len(Xv),), generator=g), torch.randn(Xv.shape, generator=g)
xv = abar[tv].sqrt()[:, None] * Xv + (1 - abar[tv]).sqrt()[:, None] * ev
hist = []
for step in range(1, STEPS + 1):
    i = torch.randint(len(X), (128,))
    t, eps = torch.randint(T, (128,)), torch.randn(128, 24)
    xt = abar[t].sqrt()[:, None] * X[i] + (1 - abar[t]).sqrt()[:, None] * eps
    loss = mse(net(xt, t, C[i]), eps)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    opt.step()
    sched.step()
    with torch.no_grad():
        for p, q in zip(ema.parameters(), net.parameters()):
            p.lerp_(q, 0.01)
    if step % 200 == 0:
        with writer.evaluating("val"):
            hist.append(mse(net(xv, tv, Cv), ev).item())
        print(step, round(loss.item(), 4), round(hist[-1], 4))
writer.close()


@torch.no_grad()
def sample(n, cond):
    x, c = torch.randn(n, 24), torch.full((n,), cond)
    for t in reversed(range(T)):
        e = ema(x, torch.full((n,), t), c)
        x = (x - beta[t] / (1 - abar[t]).sqrt() * e) / (1 - beta[t]).sqrt()
        if t:
            x = x + beta[t].sqrt() * torch.randn_like(x)
    return x


def mean_sd_gap(s, r):
    return (s.mean(0) - r.mean(0)).abs().mean().item(), (s.std(0) - r.std(0)).abs().mean().item()


gaps = [mean_sd_gap(sample(1000, k), Xv[Cv == k]) for k in (0, 1)]
real = [mean_sd_gap(X[C == k][:500], Xv[Cv == k]) for k in (0, 1)]
print(f"RESULT val_eps_mse {hist[-1]:.4f} val_min {min(hist):.4f} mean_gap {np.mean([a for a, _ in gaps]):.4f} real_vs_real {np.mean([a for a, _ in real]):.4f} "
      f"sd_gap {np.mean([b for _, b in gaps]):.4f} real_vs_real {np.mean([b for _, b in real]):.4f}")
