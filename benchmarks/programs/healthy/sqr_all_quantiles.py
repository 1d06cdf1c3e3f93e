# Simultaneous quantile regression (facebookresearch/SingleModelUncertainty, Tagasovska & Lopez-Paz 2019):
# one network is given tau ~ U(0,1) with the input and learns every conditional quantile with the pinball loss.
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2)
np.random.seed(2)


class QuantileLoss(nn.Module):
    def forward(self, yhat, y, tau):
        diff = yhat - y
        mask = (diff.ge(0).float() - tau).detach()
        return (mask * diff).mean()


def delivery_times(n):
    """minutes from order to door: skewed, spread grows with distance and rush hour"""
    dist = np.random.gamma(2., 1.8, n)
    hour = np.random.uniform(9, 23, n)
    rush = np.exp(-((hour - 12.5) / 1.2) ** 2) + 1.3 * np.exp(-((hour - 19) / 1.5) ** 2)
    rain = np.random.rand(n) < .2
    load = np.random.poisson(4 + 8 * rush)
    base = 12 + 3.1 * dist + 6 * rush + 4 * rain * dist / 3 + .5 * load
    y = base + np.random.gamma(1.5, 1 + 1.2 * rush + .6 * rain + .25 * dist)
    return np.c_[dist, np.sin(hour / 24 * 6.283), np.cos(hour / 24 * 6.283), rain, load].astype(np.float32), y.astype(np.float32)


def augment(x, tau=None):
    if tau is None:
        tau = torch.rand(x.size(0), 1)
    elif isinstance(tau, float):
        tau = torch.full((x.size(0), 1), tau)
    return torch.cat((x, (tau - .5) * 12), 1), tau


x, y = delivery_times(9000)
n = 7000
x = torch.tensor((x - x[:n].mean(0)) / x[:n].std(0))
m, s = y[:n].mean(), y[:n].std()
y = torch.tensor((y - m) / s)[:, None]
x_tr, y_tr, x_va, y_va = x[:n], y[:n], x[n:], y[n:]

net = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=6e-3, weight_decay=1e-6)
n_epochs, bs = 40, 128
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_epochs)
loss = QuantileLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, loss)

grid = [.05, .25, .5, .75, .95]
for epoch in range(n_epochs):
    perm = torch.randperm(n)
    running = 0
    for i in range(0, n - bs + 1, bs):
        ind = perm[i:i + bs]
        inp, taus = augment(x_tr[ind])
        optimizer.zero_grad()
        l = loss(net(inp), y_tr[ind], taus)
        l.backward()
        optimizer.step()
        running += l.item()
    scheduler.step()
    with torch.no_grad(), writer.evaluating("val"):
        v = []
        for _ in range(3):
            inp, taus = augment(x_va)
            v.append(loss(net(inp), y_va, taus).item())
    if (epoch + 1) % 5 == 0:
        print(f"epoch {epoch + 1} train {running / (n // bs):.4f} val {np.mean(v):.4f}")
writer.close()
with torch.no_grad():
    cover = [(y_va <= net(augment(x_va, q)[0])).float().mean().item() for q in grid]
    pin = np.mean([loss(net(augment(x_va, q)[0]), y_va, torch.tensor(q)).item() for q in np.linspace(.02, .98, 49)])
print(f"RESULT train {running / (n // bs):.4f} val {np.mean(v):.4f} pinball on a grid {pin:.4f} coverage " + " ".join(f"{q}:{c:.3f}" for q, c in zip(grid, cover)))
