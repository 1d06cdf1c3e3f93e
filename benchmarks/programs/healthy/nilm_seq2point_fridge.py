"""Energy disaggregation, sequence to point (Zhang et al. 2018): a window of the mains -> the fridge's power at its middle.
Mains and appliance are standardised with fixed constants as in the original code (mean 522, std 814; fridge 50 / 60)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(3)
torch.manual_seed(3)

mains_mean, mains_std = 522., 814.
params_appliance = {"fridge": {"mean": 50., "std": 60., "on_power_threshold": 40.}}
WINDOW = 99
BATCH = 128


def house(minutes):
    t = np.arange(minutes * 3)                       # a sample every 20 s
    fridge, k = np.zeros(len(t)), 0
    while k < len(t):
        on, off = int(np.random.normal(50, 9)), int(np.random.normal(85, 18))
        k += max(off, 20)
        level = np.random.normal(95, 4)
        seg = slice(k, k + max(on, 15))
        m = len(fridge[seg])
        fridge[seg] = level * (1 + .6 * np.exp(-np.arange(m) / 2.5))
        k += on
    other = 90 + 40 * np.sin(2 * np.pi * t / 4320) + np.zeros(len(t))
    for _ in range(int(len(t) / 70)):
        power, dur = np.random.choice([2400, 1100, 60, 150, 90, 40], p=[.13, .12, .25, .15, .2, .15]), int(np.random.exponential(25)) + 3
        s = np.random.randint(len(t))
        other[s:s + dur] += power * np.random.normal(1, .08)
    mains = fridge + other + np.random.normal(0, 6, len(t))
    fridge = np.clip(fridge + np.random.normal(0, 2, len(t)), 0, None)
    return mains.astype(np.float32), fridge.astype(np.float32)


def windows(minutes, stride):
    m, a = house(minutes)
    m = (m - mains_mean) / mains_std
    a = (a - params_appliance["fridge"]["mean"]) / params_appliance["fridge"]["std"]
    idx = np.arange(0, len(m) - WINDOW, stride)
    return torch.tensor(np.stack([m[i:i + WINDOW] for i in idx])), torch.tensor(a[idx + WINDOW // 2]).unsqueeze(1)


class Seq2Point(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv1d(1, 12, 9, padding=4), nn.ReLU(True),
            nn.Conv1d(12, 16, 7, stride=2, padding=3), nn.ReLU(True),
            nn.Conv1d(16, 24, 5, stride=2, padding=2), nn.ReLU(True),
        )
        self.dense = nn.Sequential(nn.Linear(24 * 25, 64), nn.ReLU(True), nn.Linear(64, 1))

    def forward(self, x):
        return self.dense(self.conv(x.unsqueeze(1)).flatten(1))


x_train, y_train = windows(10000, 4)
x_val, y_val = windows(3000, 6)
print(len(x_train), "training windows,", len(x_val), "validation windows; fridge on", (y_train * 60 + 50 > 40).float().mean().item())

model = Seq2Point()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.999))
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

best, patience, bad = float("inf"), 4, 0
for epoch in range(12):
    model.train()
    order, run = torch.randperm(len(x_train)), 0.
    for k in range(0, len(order) - BATCH + 1, BATCH):
        b = order[k:k + BATCH]
        loss = criterion(model(x_train[b]), y_train[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run += loss.item()
    model.eval()
    with writer.evaluating("val"), torch.no_grad():
        pred = torch.cat([model(c) for c in x_val.split(500)])
        val = criterion(pred, y_val).item()
    print(f"epoch {epoch + 1}: loss {run / (len(order) // BATCH):.4f} val_loss {val:.4f}")
    if val < best:
        best, bad, mae = val, 0, ((pred - y_val).abs().mean() * 60).item()
    else:
        bad += 1
        if bad == patience:
            print("early stopping")
            break
writer.close()
print(f"RESULT val_loss={val:.4f} best_val_loss={best:.4f} mae_watt={mae:.2f}")
