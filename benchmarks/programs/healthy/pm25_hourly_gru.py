import argparse
import math

import numpy as np
import torch
from torch import nn

from tb_lossdiag import DiagWriter

# PM2.5 of the next six hours from the last 24 (pm, temperature, wind, sin/cos of the hour).
ap = argparse.ArgumentParser()
ap.add_argument("logdir")
args = ap.parse_args()
torch.set_num_threads(1)
torch.manual_seed(11)
rng = np.random.default_rng(11)

HIST, AHEAD, BATCH, EPOCHS, LR = 24, 6, 64, 14, 3e-3


def simulate(hours):
    log_pm, temp, wind = np.zeros(hours), np.zeros(hours), np.zeros(hours)
    tn = wn = 0.0
    x = 0.0
    for t in range(hours):
        h = t % 24
        tn = 0.97 * tn + rng.normal(0, 0.5)
        wn = 0.93 * wn + rng.normal(0, 0.33)
        temp[t] = 14 + 6 * math.sin((h - 9) / 24 * 2 * math.pi) + tn
        wind[t] = max(0.1, 3 + 1.2 * math.sin((h - 8) / 24 * 2 * math.pi) + 1.4 * wn)
        traffic = 0.25 * math.exp(-((h - 8) / 2.0) ** 2) + 0.3 * math.exp(-((h - 19) / 2.5) ** 2)
        x = 0.93 * x + 0.6 * traffic - 0.055 * (wind[t] - 3) + rng.normal(0, 0.10)
        log_pm[t] = 3.6 + x
    return np.exp(log_pm), temp, wind


pm, temp, wind = simulate(24 * 330)
hour = np.arange(len(pm)) % 24
feats = np.stack([np.log(pm), temp, wind, np.sin(hour / 24 * 2 * np.pi), np.cos(hour / 24 * 2 * np.pi)], 1)
cut = 24 * 260
mu, sd = feats[:cut].mean(0), feats[:cut].std(0)
z = torch.tensor((feats - mu) / sd, dtype=torch.float32)


def windows(lo, hi):
    idx = torch.arange(lo, hi - HIST - AHEAD)
    return idx


class Forecaster(nn.Module):
    def __init__(self, n_in=5, hidden=32):
        super().__init__()
        self.gru = nn.GRU(n_in, hidden, batch_first=True)
        self.head = nn.Linear(hidden, AHEAD)

    def forward(self, x):
        out, _ = self.gru(x)
        return x[:, -1, :1] + self.head(out[:, -1])     # the change against the last hour


def fetch(idx):
    span = idx[:, None] + torch.arange(HIST)
    fut = idx[:, None] + HIST + torch.arange(AHEAD)
    return z[span], z[fut, 0]


train_idx, val_idx = windows(0, cut), windows(cut, len(z))
model = Forecaster()
mse = nn.MSELoss()
opt = torch.optim.Adam(model.parameters(), lr=LR)
lr_sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.82)
writer = DiagWriter(args.logdir)
writer.watch(model, opt, mse)

for epoch in range(EPOCHS):
    model.train()
    order = train_idx[torch.randperm(len(train_idx))]
    tl = 0
    for b in order.split(BATCH):
        x, y = fetch(b)
        opt.zero_grad()
        loss = mse(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        tl += loss.item() * len(b)
    lr_sched.step()
    model.eval()
    with torch.no_grad():
        with writer.evaluating("val"):
            x, y = fetch(val_idx)
            pred = model(x)
            vl = mse(pred, y).item()
        naive = ((x[:, -1, :1] - y) ** 2).mean().item()
    print(f"epoch {epoch} train {tl / len(order):.4f} val {vl:.4f} (persistence {naive:.4f})")
writer.close()
print(f"RESULT train {tl / len(order):.4f} val {vl:.4f} persistence {naive:.4f}")
