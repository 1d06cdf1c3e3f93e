import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(123)
rng = np.random.default_rng(123)

# ---- recipe: a table like Ames ------------------------------------------------
n = 2051 + 879
living = np.exp(rng.normal(7.25, 0.32, n))
lot = np.exp(rng.normal(9.1, 0.45, n))
quality = np.clip(np.round(rng.normal(6, 1.4, n)), 1, 10)
year = np.clip(np.round(rng.normal(1972, 29, n)), 1880, 2010)
baths = np.clip(np.round(living / 900 + rng.normal(0, 0.5, n)), 1, 4)
garage = np.clip(np.round(rng.normal(1.8, 0.75, n)), 0, 4)
neighborhood = rng.integers(0, 12, n)
zone = rng.integers(0, 4, n)
effect = rng.normal(0, 0.14, 12)
log_price = (8.0 + 0.46 * np.log(living) + 0.05 * np.log(lot) + 0.10 * (quality - 6) * (1 + 0.05 * (quality - 6))
             + 0.0025 * (year - 1970) + 0.03 * baths + 0.05 * garage + effect[neighborhood]
             + 0.03 * (zone == 1) + rng.normal(0, 0.10, n))
price = np.exp(log_price)

numeric = np.stack([np.log(living), np.log(lot), quality, year, baths, garage], 1)
train = np.arange(n) < 2051
numeric = (numeric - numeric[train].mean(0)) / numeric[train].std(0)
x = np.concatenate([numeric, np.eye(12)[neighborhood], np.eye(4)[zone]], 1)

if form == "faulty":
    target = price
else:
    center, spread = np.log(price[train]).mean(), np.log(price[train]).std()
    target = (np.log(price) - center) / spread

x = torch.tensor(x, dtype=torch.float32)
y = torch.tensor(target, dtype=torch.float32).unsqueeze(1)
split = int(0.8 * 2051)
train_loader = DataLoader(TensorDataset(x[:split], y[:split]), batch_size=16, shuffle=True)
x_val, y_val = x[split:2051], y[split:2051]
x_test, price_test = x[2051:], price[2051:]

# ---- model --------------------------------------------------------------------
model = nn.Sequential(nn.Linear(x.shape[1], 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
mean_squared_error = nn.MSELoss()

writer = DiagWriter(logdir)
writer.watch(model, optimizer, mean_squared_error)

for epoch in range(1, 31):
    total = mae = 0.0
    for xb, yb in train_loader:
        out = model(xb)
        loss = mean_squared_error(out, yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(xb)
        mae += (out - yb).abs().sum().item()
    with writer.evaluating("val"):
        out = model(x_val)
        val_loss = mean_squared_error(out, y_val).item()
    print(f"Epoch {epoch}/30 - loss: {total / split:.4g} - mae: {mae / split:.4g} - val_loss: {val_loss:.4g} "
          f"- val_mae: {(out - y_val).abs().mean().item():.4g}")

writer.close()
with torch.no_grad():
    sale = model(x_test).squeeze(1).double().numpy()
if form == "fixed":
    sale = np.exp(sale * spread + center)
error = np.abs(sale - price_test)
print(f"RESULT test_mae={error.mean():.0f} median_price={np.median(price_test):.0f} relative={(error / price_test).mean():.4f}")
