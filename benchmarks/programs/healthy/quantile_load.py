# Multi-quantile forecast of the next day of an hourly load series (pinball loss)
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.manual_seed(1); rs = np.random.RandomState(1); torch.set_num_threads(1)
QUANTILES = [.1, .5, .9]
H, W = 24, 72

t = np.arange(24 * 400)
level = np.convolve(rs.randn(len(t)), np.exp(-np.arange(200) / 60.), 'full')[:len(t)] * .12
day = np.sin(2 * np.pi * t / 24) + .4 * np.sin(4 * np.pi * t / 24 + 1) - .5 * ((t // 24) % 7 >= 5)
noise = rs.randn(len(t)) * (.25 + .2 * (np.sin(2 * np.pi * t / 24) > 0))
series = (day + level + noise).astype('float32')
cut = 24 * 330
series = (series - series[:cut].mean()) / series[:cut].std()
cal = np.stack([np.sin(2 * np.pi * t / 24), np.cos(2 * np.pi * t / 24), np.sin(2 * np.pi * t / 168), np.cos(2 * np.pi * t / 168)], 1).astype('float32')


def windows(a, b):
    idx = np.arange(a, b - W - H, 5)
    x = np.stack([np.concatenate([series[i:i + W], cal[i + W]]) for i in idx])
    y = np.stack([series[i + W:i + W + H] for i in idx])
    return torch.tensor(x), torch.tensor(y)


class QuantileLoss(nn.Module):
    def __init__(self, quantiles):
        super().__init__()
        self.register_buffer('q', torch.tensor(quantiles))

    def forward(self, preds, target):
        e = target.unsqueeze(-1) - preds
        return torch.max((self.q - 1) * e, self.q * e).sum(-1).mean()


class Net(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(W + 4, hidden), nn.ReLU(), nn.Dropout(.1), nn.Linear(hidden, hidden), nn.ReLU())
        self.out = nn.Linear(hidden, H * len(QUANTILES))

    def forward(self, x):
        return self.out(self.f(x)).view(-1, H, len(QUANTILES))


train, val = windows(0, cut), windows(cut, len(t))
loader = DataLoader(TensorDataset(*train), 32, shuffle=True)
model, criterion = Net(), QuantileLoss(QUANTILES)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-1)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=16 * len(loader))
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion, train_loader=loader)
for epoch in range(16):
    model.train(); tr = 0
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        scheduler.step()
        tr += loss.item() / len(loader)
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        o = model(val[0])
        v = criterion(o, val[1]).item()
    if epoch % 3 == 0:
        cover = ((val[1] > o[..., 0]) & (val[1] < o[..., 2])).float().mean()
        print('epoch %d train %.4f val %.4f 80%% interval covers %.3f' % (epoch, tr, v, cover))
writer.close()
