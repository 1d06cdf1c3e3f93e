"""Probabilistic forecast of two correlated gauges with the energy score: the network maps (features, noise) to samples."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter


class EnergyScore(nn.Module):
    """E|X-y| - 1/2 E|X-X'| over m samples per case."""
    def forward(self, samples, y):
        m = samples.shape[1]
        a = (samples - y[:, None]).norm(dim=-1).mean(1)
        d = torch.sqrt(((samples[:, :, None] - samples[:, None]) ** 2).sum(-1) + 1e-12)
        return (a - d.sum((1, 2)) / (2 * m * (m - 1))).mean()


class Sampler(nn.Module):
    def __init__(self, d=5, z=4, h=64):
        super().__init__()
        self.z = z
        self.net = nn.Sequential(nn.Linear(d + z, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, 2))

    def forward(self, x, m=8):
        e = torch.randn(len(x), m, self.z)
        return self.net(torch.cat([x[:, None].expand(-1, m, -1), e], -1))


def world(n, rng):
    x = rng.normal(size=(n, 5))
    mu = np.stack([np.tanh(x[:, 0]) + .5 * x[:, 1], .7 * x[:, 2] + .4 * x[:, 0] * x[:, 3]], 1)
    s = .4 + .3 / (1 + np.exp(-2 * x[:, 4]))
    def draw(k=None):
        sh = (n, 2) if k is None else (n, k, 2)
        e = rng.normal(size=sh)
        e[..., 1] = .8 * e[..., 0] + .6 * e[..., 1]
        return (mu + s[:, None] * e) if k is None else mu[:, None] + s[:, None, None] * e
    return x, draw


rng = np.random.default_rng(0); torch.manual_seed(0); torch.set_num_threads(1)
f = lambda a: torch.tensor(a, dtype=torch.float32)
xt, dt = world(8000, rng); yt = f(dt()); xt = f(xt)
xv, dv = world(2000, rng); yv = f(dv()); true_samples = f(dv(50)); xv = f(xv)
model, score = Sampler(), EnergyScore()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-3)
STEPS = 2500
sched = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=STEPS)
writer = DiagWriter(sys.argv[1]); writer.watch(model, optimizer, score)
for step in range(STEPS):
    b = torch.randint(8000, (64,))
    loss = score(model(xt[b]), yt[b])
    optimizer.zero_grad(); loss.backward(); optimizer.step(); sched.step()
    if step % 125 == 124:
        with writer.evaluating("val"):
            v = score(model(xv, 50), yv).item()
        print(step + 1, round(loss.item(), 4), round(v, 4))
writer.close()
print("RESULT val_loss", round(v, 4), "true_distribution", round(score(true_samples, yv).item(), 4),
      "climatology", round(score(yt[torch.randint(8000, (2000, 50))], yv).item(), 4))
