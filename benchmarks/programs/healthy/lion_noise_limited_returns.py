"""Predicting next-week returns from factor exposures: most of the variance is noise, R2 of 0.2 would be the ceiling."""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(8)


class Lion(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for g in self.param_groups:
            for p in g["params"]:
                if p.grad is None:
                    continue
                st = self.state[p]
                if not st:
                    st["exp_avg"] = torch.zeros_like(p)
                m = st["exp_avg"]; b1, b2 = g["betas"]
                p.mul_(1 - g["lr"] * g["weight_decay"])
                p.add_(torch.sign(m * b1 + p.grad * (1 - b1)), alpha=-g["lr"])
                m.mul_(b2).add_(p.grad, alpha=1 - b2)
        return loss


def panel(weeks, names, seed):
    r = np.random.RandomState(seed)
    F = r.randn(weeks * names, 18).astype("float32")
    sig = .22 * F[:, 0] - .18 * F[:, 1] + .18 * np.tanh(2 * F[:, 2]) * F[:, 3] + .2 * (np.abs(F[:, 4]) - .8) + .1 * F[:, 5] * F[:, 0]
    eps = r.standard_t(5, weeks * names) / np.sqrt(5 / 3)
    return torch.tensor(F), torch.tensor((sig + .85 * eps).astype("float32"))[:, None], sig.var() / (sig.var() + .85 ** 2)


Xa, ya, ceil = panel(200, 100, 0)
Xb, yb, _ = panel(40, 100, 1)
Xc, yc, _ = panel(40, 100, 2)


class ResBlock(nn.Module):
    def __init__(self, d, p):
        super().__init__()
        self.f = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, 2 * d), nn.GELU(), nn.Dropout(p), nn.Linear(2 * d, d))

    def forward(self, x):
        return x + self.f(x)


net = nn.Sequential(nn.Linear(18, 32), ResBlock(32, .3), ResBlock(32, .3), nn.LayerNorm(32), nn.Linear(32, 1))
opt = Lion(net.parameters(), lr=3e-4, weight_decay=1.0)
EP, BS = 20, 256
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EP * (len(Xa) // BS))
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, mse)
va = yb.var().item(); vc = yc.var().item()
for ep in range(EP):
    net.train(); tot = []
    for idx in torch.randperm(len(Xa))[: len(Xa) // BS * BS].view(-1, BS):
        loss = mse(net(Xa[idx]), ya[idx])
        opt.zero_grad(); loss.backward(); opt.step(); sched.step()
        tot.append(loss.item())
    with writer.evaluating("val"):
        v = mse(net(Xb), yb).item()
    writer.add_scalar("val/r2", 1 - v / va, ep)
    print(f"{ep} train {np.mean(tot):.4f} val {v:.4f} R2 {1 - v / va:.3f}")
with writer.evaluating("test"):
    t = mse(net(Xc), yc).item()
print(f"test {t:.4f} R2 {1 - t / vc:.3f} ceiling {ceil:.3f}")
writer.close()
