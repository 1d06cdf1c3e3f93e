"""Conditional flow matching between 8 gaussians and 2 moons (atong01/conditional-flow-matching, 2D tutorial)."""
import math
import sys
import numpy as np
import torch
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
gen = np.random.default_rng(0)


def sample_8gaussians(n):
    ang = torch.randint(0, 8, (n,)) * (2 * math.pi / 8)
    return 5 * torch.stack([ang.cos(), ang.sin()], 1) + math.sqrt(0.1) * torch.randn(n, 2)


def sample_moons(n):
    t = math.pi * torch.rand(n)
    up = torch.rand(n) < 0.5
    x = torch.stack([torch.where(up, t.cos(), 1 - t.cos()), torch.where(up, t.sin(), 0.5 - t.sin())], 1)
    return (x + 0.2 ** 0.5 * 0.2 * torch.randn(n, 2)) * 3 - 1


class MLP(torch.nn.Module):
    def __init__(self, dim, out_dim=None, w=64, time_varying=False):
        super().__init__()
        self.time_varying = time_varying
        out_dim = dim if out_dim is None else out_dim
        self.net = torch.nn.Sequential(
            torch.nn.Linear(dim + (1 if time_varying else 0), w), torch.nn.SELU(),
            torch.nn.Linear(w, w), torch.nn.SELU(),
            torch.nn.Linear(w, w), torch.nn.SELU(),
            torch.nn.Linear(w, out_dim))

    def forward(self, x):
        return self.net(x)


def sample_conditional_pt(x0, x1, t, sigma):
    t = t.reshape(-1, *([1] * (x0.dim() - 1)))
    mu_t = t * x1 + (1 - t) * x0
    return mu_t + sigma * torch.randn_like(x0)


sigma, dim, batch_size = 0.1, 2, 256
model = MLP(dim=dim, time_varying=True)
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
run = []
for k in range(3000):
    optimizer.zero_grad()
    x0 = sample_8gaussians(batch_size)
    x1 = sample_moons(batch_size)
    t = torch.rand(x0.shape[0]).type_as(x0)
    xt = sample_conditional_pt(x0, x1, t, sigma)
    ut = x1 - x0
    vt = model(torch.cat([xt, t[:, None]], dim=-1))
    loss = torch.mean((vt - ut) ** 2)
    writer.add_loss("train", loss)
    loss.backward()
    optimizer.step()
    run.append(loss.item())
    if (k + 1) % 500 == 0:
        print(f"{k+1}: loss {np.mean(run[-500:]):0.3f}")
with torch.no_grad():                      # integrate, compare with the data by the energy distance
    x = sample_8gaussians(1000)
    for i in range(100):
        x = x + 0.01 * model(torch.cat([x, torch.full((len(x), 1), i / 100)], 1))
    y, y2 = sample_moons(1000), sample_moons(1000)
    e = lambda a, b: torch.cdist(a, b).mean()
    print(f"final loss {np.mean(run[-500:]):.3f} energy distance of samples {2 * e(x, y) - e(x, x) - e(y, y):.4f} (data against data {2 * e(y2, y) - e(y2, y2) - e(y, y):.4f})")
writer.close()
