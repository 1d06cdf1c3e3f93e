"""Dasymetric population mapping: a small net predicts people per building for each cell, census only known per region."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
seed = int(sys.argv[3]) if len(sys.argv) > 3 else 21


class ScaleNet(nn.Module):
    """per-cell covariates -> occupancy rate (non-negative)"""

    def __init__(self, input_channels, feature_dim=32):
        super().__init__()
        self.occratenet = nn.Sequential(
            nn.Conv2d(input_channels, feature_dim, 1), nn.ReLU(),
            nn.Conv2d(feature_dim, feature_dim, 1), nn.ReLU(),
            nn.Conv2d(feature_dim, 1, 1))

    def forward(self, covariates, buildings):
        rate = self.occratenet(covariates)[:, 0]
        rate = F.relu(rate) if form == "faulty" else F.softplus(rate)
        return rate * buildings, rate


def make_regions(n, seed, s=10):
    """night lights, distance to centre, slope, road density, land cover share, elevation; no building -> no people"""
    rng = np.random.RandomState(seed)
    lights = rng.gamma(2, 1, (n, 1, 1)) + 0.5 * rng.rand(n, s, s)
    yy, xx = np.mgrid[0:s, 0:s]
    dist = np.hypot(xx - s / 2, yy - s / 2)[None] / s + 0.1 * rng.rand(n, 1, 1)
    slope, roads, cover = rng.rand(n, s, s), rng.gamma(1.5, 0.5, (n, s, s)), rng.rand(n, 1, 1) + 0.2 * rng.rand(n, s, s)
    elev = rng.randn(n, 1, 1) + 0 * dist
    buildings = rng.poisson(3 * np.exp(-1.5 * dist) * (0.5 + lights / 3)) / 3.0
    rate = 0.4 + 0.5 * np.tanh(lights - 1.5) ** 2 + 0.8 * cover * (dist < 0.3) - 0.2 * slope + 0.15 * np.maximum(elev, 0)
    pop = buildings * np.clip(rate, 0.02, None)
    x = np.stack([np.broadcast_to(a, pop.shape) for a in (lights, dist, slope, roads, cover, elev)], 1)
    return torch.tensor(x).float(), torch.tensor(buildings).float(), torch.tensor(pop).float()


x, b, pop = make_regions(500, 1)
xt, bt, popt = make_regions(150, 2)
mu, sd = x.mean((0, 2, 3), keepdim=True), x.std((0, 2, 3), keepdim=True)
x, xt = (x - mu) / sd, (xt - mu) / sd
census, census_t = pop.sum((1, 2)), popt.sum((1, 2))

torch.manual_seed(seed)
net = ScaleNet(x.shape[1])
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
writer = DiagWriter(logdir)
writer.watch(net, optimizer)

for epoch in range(40):
    net.train()
    total = 0
    for idx in torch.randperm(len(x)).split(20):
        optimizer.zero_grad()
        popmap, _ = net(x[idx], b[idx])
        loss = F.l1_loss(popmap.sum((1, 2)), census[idx]) / census.mean()
        writer.add_loss("train", loss)
        loss.backward()
        optimizer.step()
        total += loss.item()
    if epoch % 8 == 7 or epoch == 0:
        net.eval()
        with torch.no_grad():
            popmap, rate = net(xt, bt)
        r2 = 1 - ((popmap.sum((1, 2)) - census_t) ** 2).sum() / ((census_t - census_t.mean()) ** 2).sum()
        print(f"epoch {epoch + 1}: loss {total / 25:.4f}  test r2 {r2:.3f}  cell mae {(popmap - popt).abs().mean():.4f}  mean rate {rate.mean():.3f}")
writer.close()
