"""
Arrival-time model for city buses with an uncertainty: mean and log-variance of the delay at the
next stop (minutes). The GPS log is simulated: route, stop number, hour, rain, current delay, load.

    python bus_arrival_gaussian.py faulty|fixed LOGDIR
"""
import sys

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(31)
FORM, LOGDIR = sys.argv[1:3]


def gps_log(n, seed=31):
    r = np.random.default_rng(seed)
    route, stop = r.integers(0, 5, n), r.integers(1, 30, n)
    hour, rain = r.uniform(5, 23, n), (r.random(n) < .25).astype(float)
    now, load = r.gamma(2, 1.2, n) - 1.0, r.beta(2, 3, n)
    rush = np.exp(-.5 * ((hour - 8) / 1.2) ** 2) + np.exp(-.5 * ((hour - 17.5) / 1.6) ** 2)
    mean = .85 * now + np.array([.1, .6, -.3, .9, .2])[route] + 1.8 * rush * (1 + .7 * rain) + 1.3 * load + .03 * stop
    delay = mean + (.25 + .7 * rush) * r.standard_normal(n)
    oh = np.eye(5)[route]
    f = np.column_stack([oh, stop / 30, np.sin(hour * np.pi / 12), np.cos(hour * np.pi / 12), np.sin(hour * np.pi / 6), np.cos(hour * np.pi / 6), rain, now / 2, load])
    return f.astype("float32"), delay.astype("float32")


class GaussianHead(nn.Module):
    def __init__(self, n_in, n_hidden=48):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(n_in, n_hidden), nn.SiLU(), nn.Linear(n_hidden, n_hidden), nn.SiLU())
        self.mean = nn.Linear(n_hidden, 1)
        self.logvar = nn.Linear(n_hidden, 1)

    def forward(self, x):
        h = self.body(x)
        mean, logvar = self.mean(h), self.logvar(h)
        if FORM == "fixed":
            mean, logvar = mean.squeeze(-1), logvar.squeeze(-1)
        return mean, logvar


class NLL(nn.Module):
    def forward(self, prediction, target):
        mean, logvar = prediction
        return 0.5 * (logvar + (target - mean) ** 2 * torch.exp(-logvar)).mean()


x, y = (torch.from_numpy(a) for a in gps_log(6000))
train = DataLoader(TensorDataset(x[:4800], y[:4800]), batch_size=64, shuffle=True)
valid = DataLoader(TensorDataset(x[4800:], y[4800:]), batch_size=64)

model = GaussianHead(x.shape[1])
nll = NLL()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=25)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, nll)

for epoch in range(25):
    model.train()
    total = 0.0
    for xb, yb in train:
        loss = nll(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    scheduler.step()
    vloss, err = 0.0, []
    with writer.evaluating("val"):
        for xb, yb in valid:
            out = model(xb)
            vloss += nll(out, yb).item()
            err.append(out[0].reshape(-1) - yb)
    rmse = torch.cat(err).pow(2).mean().sqrt().item()
    if epoch % 4 == 0 or epoch == 24:
        print(f"epoch {epoch:2d}  nll {total / len(train):.3f}  val nll {vloss / len(valid):.3f}  rmse {rmse:.3f} min")
writer.close()
print(f"RESULT val_nll {vloss / len(valid):.3f} rmse_min {rmse:.3f} std_of_delay {y[4800:].std().item():.3f}")
