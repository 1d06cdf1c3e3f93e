# Day-ahead heat load of a district heating grid: three days of history + weather forecast -> next 24 hours.
# Load in MW is standardised with the training years' statistics. Weather forecast has an error of its own.
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
rng = np.random.default_rng(3)

HIST, HORIZON = 72, 24


def simulate(days):
    h = np.arange(days * 24)
    doy, hod, dow = (h / 24) % 365, h % 24, (h // 24) % 7
    slow = np.zeros(len(h))
    e = rng.normal(0, 1, len(h))
    for i in range(1, len(h)):
        slow[i] = .985 * slow[i - 1] + .55 * e[i]
    temp = 9 - 9 * np.cos(2 * np.pi * (doy - 20) / 365) + 3 * np.sin(2 * np.pi * (hod - 9) / 24) + slow
    heating = np.clip(17 - temp, 0, None)
    smooth = np.convolve(heating, np.ones(6) / 6)[:len(h)]                # buildings are lazy
    profile = 1 + .25 * np.exp(-((hod - 7) / 2) ** 2) + .15 * np.exp(-((hod - 19) / 3) ** 2) - .06 * (dow >= 5)
    load = (8 + 3.1 * smooth) * profile
    ar = np.zeros(len(h))
    for i in range(1, len(h)):
        ar[i] = .8 * ar[i - 1] + rng.normal(0, 1.3)
    load = load * (1 + .004 * ar) + ar
    return temp, load, hod, dow


temp, load, hod, dow = simulate(365 * 4)
fc = temp + np.convolve(rng.normal(0, 1, len(temp)), np.ones(12) / 12, "same") * 2
m, s = load.mean(), load.std()
tm, ts = temp.mean(), temp.std()
feats = np.stack([(load - m) / s, (temp - tm) / ts, np.sin(hod / 24 * 6.283), np.cos(hod / 24 * 6.283), dow >= 5], 0).astype(np.float32)
futr = np.stack([(fc - tm) / ts, np.sin(hod / 24 * 6.283), np.cos(hod / 24 * 6.283), dow >= 5], 0).astype(np.float32)
feats, futr = torch.from_numpy(feats), torch.from_numpy(futr)

starts = np.arange(HIST, len(load) - HORIZON, 10)
# whole weeks are held out, spread over the four years, so that every season is in both parts
week = starts // 168
val_weeks = rng.choice(np.unique(week), 40, replace=False)
is_val = np.isin(week, val_weeks)
gap = np.isin((starts - HIST) // 168, val_weeks) | np.isin((starts + HORIZON) // 168, val_weeks)
tr_idx, va_idx = starts[~is_val & ~gap], starts[is_val]


def fetch(idx):
    x = torch.stack([feats[:, i - HIST:i] for i in idx])
    f = torch.stack([futr[:, i:i + HORIZON] for i in idx])
    y = torch.stack([feats[0, i:i + HORIZON] for i in idx])
    return x, f, y


class CausalBlock(nn.Module):
    def __init__(self, c, dilation):
        super().__init__()
        self.pad = 2 * dilation
        self.conv = nn.Conv1d(c, 2 * c, 3, dilation=dilation)
        self.norm = nn.GroupNorm(1, c)

    def forward(self, x):
        a, b = self.conv(nn.functional.pad(x, (self.pad, 0))).chunk(2, 1)
        return self.norm(x + a * torch.sigmoid(b))


class HeatTCN(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.inp = nn.Conv1d(5, c, 1)
        self.blocks = nn.Sequential(*[CausalBlock(c, 2 ** i) for i in range(5)])
        self.dec = nn.Sequential(nn.Conv1d(c + 4, 32, 5, padding=2), nn.ReLU(), nn.Conv1d(32, 1, 5, padding=2))

    def forward(self, x, f):
        h = self.blocks(self.inp(x))[:, :, -1:]
        return self.dec(torch.cat([h.expand(-1, -1, HORIZON), f], 1)).squeeze(1)


net = HeatTCN()
crit = nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
sched = torch.optim.lr_scheduler.StepLR(opt, step_size=3, gamma=.5)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, crit)

EPOCHS = 10
for epoch in range(EPOCHS):
    net.train()
    rng.shuffle(tr_idx)
    tot = 0
    for k in range(0, len(tr_idx) - 63, 64):
        x, f, y = fetch(tr_idx[k:k + 64])
        opt.zero_grad()
        loss = crit(net(x, f), y)
        loss.backward()
        opt.step()
        tot += loss.item()
    tot /= len(tr_idx) // 64
    net.eval()
    with torch.no_grad():
        with writer.evaluating("val"):
            x, f, y = fetch(va_idx)
            p = net(x, f)
            v = crit(p, y).item()
    mape = ((p - y).abs() * s / (y * s + m)).mean().item()
    print("epoch %d  train %.4f  val %.4f  MAPE %.2f %%" % (epoch + 1, tot, v, 100 * mape))
    sched.step()
writer.close()
print(f"RESULT train {tot:.4f} val {v:.4f} mape {100 * mape:.2f}")
