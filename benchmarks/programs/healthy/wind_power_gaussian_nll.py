"""Probabilistic wind power forecast: mean and variance for the next six quarter hours."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(40)
rng = np.random.default_rng(40)
LR = 5e-3
N, PAST, AHEAD = 9000, 32, 6
v = np.zeros(N); front = np.zeros(N)
for i in range(1, N):
    front[i] = 0.985 * front[i - 1] + rng.normal(0, 0.35)
    v[i] = 0.93 * v[i - 1] + rng.normal(0, 0.25) * (1 + 0.8 * (front[i] > 1))
speed = np.clip(8 + front + v + 1.2 * np.sin(2 * np.pi * np.arange(N) / 96), 0, None)
power = 1 / (1 + np.exp(-(speed - 9) * 0.9)) + rng.normal(0, 0.012, N)
sig = np.stack([(speed - speed.mean()) / speed.std(), (power - 0.5) / 0.3,
                np.sin(2 * np.pi * np.arange(N) / 96), np.cos(2 * np.pi * np.arange(N) / 96)], 1).astype("float32")


class Windows(Dataset):
    def __init__(self, lo, hi):
        self.at = range(lo + PAST, hi - AHEAD)

    def __len__(self):
        return len(self.at)

    def __getitem__(self, k):
        i = self.at[k]
        return sig[i - PAST:i], sig[i:i + AHEAD, 1]


class GRUForecaster(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.rnn = nn.GRU(4, hidden, batch_first=True)
        self.mu = nn.Linear(hidden, AHEAD)
        self.raw = nn.Linear(hidden, AHEAD)

    def forward(self, x):
        h = self.rnn(x)[1][0]
        return self.mu(h) + x[:, -1:, 1], nn.functional.softplus(self.raw(h)) ** 2 + 1e-4


train = DataLoader(Windows(0, 7000), batch_size=64, shuffle=True)
val = DataLoader(Windows(7000, N), batch_size=256)
net = GRUForecaster()
nll = nn.GaussianNLLLoss()
opt = torch.optim.Adam(net.parameters(), lr=LR)
EPOCHS = 6
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS * len(train))
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, nll)
for epoch in range(EPOCHS):
    net.train()
    s = 0
    for x, y in train:
        m, var = net(x)
        loss = nll(m, y, var)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        opt.step()
        sched.step()
        s += loss.item() / len(train)
    with writer.evaluating("val"):
        vs, mae = [], []
        for x, y in val:
            m, var = net(x)
            vs.append(nll(m, y, var).item()); mae.append((m - y).abs().mean().item())
    print(f"{epoch} train {s:.4f} val {np.mean(vs):.4f} mae {np.mean(mae) * 0.3:.4f} of rated power")
writer.close()
