import math
import sys

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
MODE, LOGDIR = sys.argv[1], sys.argv[2]
torch.manual_seed(3)
rng = np.random.default_rng(3)

CONTEXT, HORIZON = 48, 12
LR = 1e-3


def make_load(hours):
    t = np.arange(hours)
    temp = 10 * np.sin(2 * np.pi * t / (24 * 60)) + 4 * np.sin(2 * np.pi * (t - 9) / 24)
    weather = np.zeros(hours)
    for i in range(1, hours):
        weather[i] = 0.97 * weather[i - 1] + rng.normal(0, 0.6)
    temp = temp + weather
    weekday = (t // 24) % 7
    day = np.where(weekday < 5, 1.0, 0.72)
    profile = 900 * np.sin(2 * np.pi * (t - 7) / 24) + 350 * np.sin(4 * np.pi * (t - 4) / 24)
    load = 5200 * day + profile * day + 28 * np.abs(temp - 6) + rng.normal(0, 90, hours)
    return load, temp, t % 24, weekday


load, temp, hour, weekday = make_load(24 * 150)
cut = int(len(load) * 0.8)
mu, sd = (load[:cut].mean(), load[:cut].std()) if MODE == "fixed" else (0.0, 1.0)
tmu, tsd = temp[:cut].mean(), temp[:cut].std()
feats = np.stack([(load - mu) / sd, (temp - tmu) / tsd,
                  np.sin(2 * np.pi * hour / 24), np.cos(2 * np.pi * hour / 24),
                  (weekday >= 5) * 1.0], 1).astype("float32")


def windows(a, b, step):
    xs, ys = [], []
    for s in range(a, b - CONTEXT - HORIZON, step):
        xs.append(feats[s:s + CONTEXT])
        ys.append(feats[s + CONTEXT:s + CONTEXT + HORIZON, 0])
    return TensorDataset(torch.from_numpy(np.stack(xs)), torch.from_numpy(np.stack(ys)))


train_dl = DataLoader(windows(0, cut, 1), batch_size=64, shuffle=True, drop_last=True)
val_dl = DataLoader(windows(cut, len(load), 2), batch_size=128)


class PositionalEncoding(nn.Module):
    def __init__(self, d, n):
        super().__init__()
        pos = torch.arange(n).unsqueeze(1)
        div = torch.exp(torch.arange(0, d, 2) * (-math.log(10000.0) / d))
        pe = torch.zeros(n, d)
        pe[:, 0::2], pe[:, 1::2] = torch.sin(pos * div), torch.cos(pos * div)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return x + self.pe


class LoadTransformer(nn.Module):
    def __init__(self, n_feat=5, d=32, heads=4, layers=2):
        super().__init__()
        self.proj = nn.Linear(n_feat, d)
        self.pos = PositionalEncoding(d, CONTEXT)
        layer = nn.TransformerEncoderLayer(d, heads, 64, dropout=0.05, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers)
        self.head = nn.Linear(d, HORIZON)

    def forward(self, x):
        z = self.encoder(self.pos(self.proj(x)))
        return self.head(z[:, -1])


model = LoadTransformer()
opt = torch.optim.Adam(model.parameters(), lr=LR)
crit = nn.MSELoss()
EPOCHS = 7
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS * len(train_dl), eta_min=LR * 0.05)
writer = DiagWriter(LOGDIR)
writer.watch(model, opt, crit)

for epoch in range(EPOCHS):
    model.train()
    tot = 0.0
    for xb, yb in train_dl:
        opt.zero_grad()
        loss = crit(model(xb), yb)
        loss.backward()
        opt.step()
        sched.step()
        tot += loss.item()
    with writer.evaluating("val"):
        v = np.mean([crit(model(xb), yb).item() for xb, yb in val_dl])
    print(f"epoch {epoch} train {tot / len(train_dl):.4f} val {v:.4f} rmse {math.sqrt(v) * sd:.0f} MW")
writer.close()
