"""Kolmogorov-Arnold network ("efficient-kan" style): B-spline activations on the edges, on a noisy symbolic function of five inputs"""
import sys
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(12)


class KANLinear(nn.Module):
    def __init__(self, i, o, grid_size=5, k=3, lo=-1., hi=1.):
        super().__init__()
        h = (hi - lo) / grid_size
        grid = torch.arange(-k, grid_size + k + 1) * h + lo
        self.register_buffer("grid", grid.expand(i, -1).contiguous())
        self.k = k
        self.base_weight = nn.Parameter(torch.empty(o, i))
        self.spline_weight = nn.Parameter(.1 * torch.randn(o, i, grid_size + k) / math.sqrt(i))
        nn.init.kaiming_uniform_(self.base_weight, a=math.sqrt(5))

    def b_splines(self, x):
        x = x.unsqueeze(-1)
        g = self.grid
        b = ((x >= g[:, :-1]) & (x < g[:, 1:])).to(x.dtype)
        for k in range(1, self.k + 1):
            b = (x - g[:, :-(k + 1)]) / (g[:, k:-1] - g[:, :-(k + 1)]) * b[:, :, :-1] + (g[:, k + 1:] - x) / (g[:, k + 1:] - g[:, 1:(-k)]) * b[:, :, 1:]
        return b

    def forward(self, x):
        base = F.linear(F.silu(x), self.base_weight)
        return base + F.linear(self.b_splines(x).flatten(1), self.spline_weight.flatten(1))


class KAN(nn.Module):
    def __init__(self, *sizes):
        super().__init__()
        self.layers = nn.ModuleList(KANLinear(a, b) for a, b in zip(sizes, sizes[1:]))

    def forward(self, x):
        for l in self.layers:
            x = l(x)
        return x


def target(x):
    return (torch.exp(torch.sin(math.pi * x[:, 0]) + x[:, 1] ** 2) / 2 - x[:, 2] * x[:, 3] + .5 * (x[:, 4].abs())).unsqueeze(1)


x = torch.rand(3500, 5) * 2 - 1
y = target(x)
y = (y - y.mean()) / y.std() + .15 * torch.randn_like(y)          # noise variance .0225 is the floor
xtr, ytr, xva, yva = x[:2800], y[:2800], x[2800:], y[2800:]
model = KAN(5, 6, 1)
opt = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=1e-4)
sched = torch.optim.lr_scheduler.ExponentialLR(opt, gamma=.9)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, mse)
for epoch in range(30):
    model.train()
    t = 0
    for b in torch.randperm(len(xtr)).split(64):
        opt.zero_grad()
        l = mse(model(xtr[b]), ytr[b])
        l.backward()
        opt.step()
        t += l.item() * len(b) / len(xtr)
    sched.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        v = mse(model(xva), yva).item()
    if epoch % 3 == 2:
        print(f"epoch {epoch + 1} train {t:.4f} val {v:.4f}")
writer.close()
print(f"RESULT train={t:.4f} val={v:.4f} r2={1 - v / yva.var().item():.4f}")
