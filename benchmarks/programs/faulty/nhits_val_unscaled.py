"""Windows-based forecaster with a scaler inside (NHITS-like MLP), after Nixtla/neuralforecast's BaseWindows."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(1)
rs = np.random.RandomState(1)


def monthly_series(n_series=60, length=180):
    t = np.arange(length)
    out = []
    for _ in range(n_series):
        level, amp, ph = rs.uniform(40, 160), rs.uniform(5, 30), rs.uniform(0, 6.28)
        season = amp * np.sin(2 * np.pi * t / 12 + ph) + 0.35 * amp * np.sin(2 * np.pi * t / 6 + 2 * ph)
        ar, e = np.zeros(length), rs.normal(0, 0.12 * amp, length)
        for k in range(1, length):
            ar[k] = 0.6 * ar[k - 1] + e[k]
        out.append(level + rs.uniform(-0.02, 0.1) * t + season + ar)
    return torch.tensor(np.array(out), dtype=torch.float32)


def mae(y, y_hat, mask=None):
    return (y - y_hat).abs().mean()


class TemporalNorm:
    """scaler_type='standard': statistics of each window's input part"""
    def transform(self, x):
        self.x_shift, self.x_scale = x.mean(1, keepdim=True), x.std(1, keepdim=True) + 1e-5
        return (x - self.x_shift) / self.x_scale

    def inverse_transform(self, z):
        return z * self.x_scale + self.x_shift


class NHITS(nn.Module):
    def __init__(self, h=12, input_size=36, hidden=96):
        super().__init__()
        self.h, self.input_size, self.scaler = h, input_size, TemporalNorm()
        self.pools = (6, 2, 1)
        self.blocks, self.fc = nn.ModuleList(), nn.ModuleList()
        for k in self.pools:
            n = input_size // k
            self.blocks.append(nn.Sequential(nn.Linear(n, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()))
            self.fc.append(nn.Linear(hidden, input_size + h))

    def forward(self, insample_y):
        residual, forecast = insample_y, 0
        for k, block, fc in zip(self.pools, self.blocks, self.fc):
            pooled = nn.functional.max_pool1d(residual[:, None], k, k)[:, 0]
            theta = fc(block(pooled))
            residual = residual - theta[:, :self.input_size]
            forecast = forecast + theta[:, self.input_size:]
        return forecast

    def windows(self, series, n):
        s = torch.randint(0, series.shape[0], (n,))
        start = torch.randint(0, series.shape[1] - self.input_size - self.h + 1, (n,))
        idx = start[:, None] + torch.arange(self.input_size + self.h)
        return series[s[:, None], idx]

    def training_step(self, series):
        w = self.windows(series, 128)
        x = self.scaler.transform(w[:, :self.input_size])
        y = (w[:, self.input_size:] - self.scaler.x_shift) / self.scaler.x_scale
        return mae(y, self(x))

    def validation_step(self, w):
        x = self.scaler.transform(w[:, :self.input_size])
        y_hat = self(x)
        original_y = w[:, self.input_size:]
        if form == "fixed":
            return mae((original_y - self.scaler.x_shift) / self.scaler.x_scale, y_hat)
        return mae(original_y, y_hat)


series = monthly_series()
model = NHITS()
train_part, val_windows = series[:, :-12], series[:, -model.input_size - 12:]
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(logdir)
writer.watch(model, optimizer)
val_check_steps = 50
for step in range(600):
    model.train()
    loss = model.training_step(train_part)
    writer.add_loss("train", loss)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if (step + 1) % val_check_steps == 0:
        with writer.evaluating("val"):
            v = model.validation_step(val_windows)
            writer.add_loss("val", v)
        print("step %d train_loss %.4f valid_loss %.4f" % (step + 1, loss.item(), v.item()))
print("RESULT valid_loss %.4f" % v.item())
writer.close()
