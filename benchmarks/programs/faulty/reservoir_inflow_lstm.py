"""Tomorrow's inflow of a reservoir (m3/s) from the last 14 days of rain, temperature and inflow.

Simulated series (a two-bucket rainfall-runoff model with snow), made to look like a daily gauge record.
python reservoir_inflow_lstm.py faulty|fixed LOGDIR
"""
import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(21)
rng = np.random.default_rng(21)

# ---------------------------------------------------------------- the record
days = 2200
t = np.arange(days)
temp = 8 + 11 * np.sin(2 * np.pi * (t - 110) / 365) + rng.normal(0, 2.5, days)
wet = rng.random(days) < 0.35
rain = np.where(wet, rng.gamma(0.8, 12, days), 0)
snow = fast = 0.0
slow = 60.0
inflow = np.zeros(days)
for i in range(days):
    melt = min(snow, max(temp[i], 0) * 1.5)
    snow += (rain[i] if temp[i] < 0 else 0) - melt
    water = (rain[i] if temp[i] >= 0 else 0) + melt
    fast = 0.6 * fast + 0.7 * water
    slow = 0.97 * slow + 0.3 * water
    inflow[i] = 9.0 * fast * 0.4 + 6.0 * slow * 0.5 + 150
inflow *= rng.lognormal(0, 0.03, days)

# ---------------------------------------------------------------- windows
series = np.stack([rain, temp, inflow], 1)
cut = 1700
mu, sd = series[:cut].mean(0), series[:cut].std(0)
scaled = (series - mu) / sd
L = 14
X = np.stack([scaled[i:i + L] for i in range(days - L)])
if FORM == "faulty":
    Y, y_mu, y_sd = inflow[L:], 0.0, 1.0
else:
    Y, y_mu, y_sd = scaled[L:, 2], mu[2], sd[2]
X = torch.tensor(X, dtype=torch.float32)
Y = torch.tensor(Y, dtype=torch.float32).view(-1, 1)
tr, va = slice(0, cut - L), slice(cut, days - L)
train = DataLoader(TensorDataset(X[tr], Y[tr]), batch_size=64, shuffle=True)
valid = DataLoader(TensorDataset(X[va], Y[va]), batch_size=512)


class InflowLSTM(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(3, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.head(out[:, -1])


model = InflowLSTM()
mse = nn.MSELoss()
optim = torch.optim.Adam(model.parameters(), lr=2e-3)
writer = DiagWriter(LOGDIR)
writer.watch(model, optim, mse)

for epoch in range(30):
    model.train()
    losses = []
    for xb, yb in train:
        optim.zero_grad()
        loss = mse(model(xb), yb)
        loss.backward()
        optim.step()
        losses.append(loss.item())
    model.eval()
    preds, vl = [], []
    with writer.evaluating("val"):
        for xb, yb in valid:
            p = model(xb)
            vl.append(mse(p, yb).item())
            preds.append(p)
    pred = torch.cat(preds).numpy().ravel() * y_sd + y_mu
    real = inflow[L:][va]
    nse = 1 - ((pred - real) ** 2).sum() / ((real - real.mean()) ** 2).sum()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1}: train {np.mean(losses):.4f}  val {np.mean(vl):.4f}  NSE {nse:.3f}")

writer.close()
print("RESULT nse", round(float(nse), 4), "rmse_m3s", round(float(np.sqrt(((pred - real) ** 2).mean())), 2))
