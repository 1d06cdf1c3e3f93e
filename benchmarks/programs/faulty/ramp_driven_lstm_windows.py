"""Windowed sequence forecasting on a long sine of amplitude 20: 100 steps in, the next 100 steps out."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

MODE, LOGDIR = sys.argv[1], sys.argv[2]
torch.manual_seed(5)
torch.set_num_threads(1)
HIST_STEPS, PRED_STEPS = 100, 100
AMP = 20.0

x_vals = np.arange(0, 1500, 0.5, dtype=np.float32).reshape(-1, 1)
y_vals = (AMP * np.sin(x_vals)).astype(np.float32)
series_in = x_vals
if MODE == "fixed":
    y_vals = y_vals / AMP
    series_in = y_vals


class Windows(Dataset):
    def __init__(self, lo, hi, stride=4):
        self.starts = list(range(lo, hi - HIST_STEPS - PRED_STEPS, stride))

    def __len__(self):
        return len(self.starts)

    def __getitem__(self, k):
        s = self.starts[k]
        return (torch.from_numpy(series_in[s:s + HIST_STEPS]),
                torch.from_numpy(y_vals[s + HIST_STEPS:s + HIST_STEPS + PRED_STEPS, 0]))


cut = int(len(x_vals) * 0.8)
train_ds, val_ds = Windows(0, cut), Windows(cut, len(x_vals))
train_dl = DataLoader(train_ds, batch_size=16, shuffle=True)
val_dl = DataLoader(val_ds, batch_size=64)


class Forecaster(nn.Module):
    def __init__(self, units=32):
        super().__init__()
        self.rnn = nn.LSTM(1, units, batch_first=True)
        self.out = nn.Linear(units, PRED_STEPS)

    def forward(self, x):
        h, _ = self.rnn(x)
        return self.out(h[:, -1])


net = Forecaster()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
mse = nn.MSELoss()
tb = DiagWriter(LOGDIR)
tb.watch(net, opt, mse)
for ep in range(25):
    net.train()
    run = 0.0
    for xb, yb in train_dl:
        opt.zero_grad(set_to_none=True)
        loss = mse(net(xb), yb)
        loss.backward()
        opt.step()
        run += loss.item() * len(xb)
    se = sy = 0.0
    with tb.evaluating("val"):
        for xb, yb in val_dl:
            p = net(xb)
            se += mse(p, yb).item() * yb.numel()
            sy += (yb ** 2).sum().item()
    tb.add_scalar("epoch/train_mse", run / len(train_ds), ep)
    tb.add_scalar("epoch/val_rel", se / sy, ep)
    print(f"{ep:2d} train {run / len(train_ds):9.4f}  val unexplained {se / sy:.4f}")
tb.close()
print(f"RESULT val_unexplained_share {se / sy:.4f}")
