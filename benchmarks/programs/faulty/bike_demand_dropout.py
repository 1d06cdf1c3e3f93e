# Hourly bike rentals - regression with a small MLP.  Kaggle "Bike Sharing Demand"-like table
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
MODE, LOGDIR = sys.argv[1], sys.argv[2]
torch.manual_seed(0)
g = np.random.default_rng(0)

hours = pd.DataFrame({"t": np.arange(24 * 260)})
hours["hour"], hours["day"] = hours.t % 24, hours.t // 24
hours["weekday"] = hours.day % 7
hours["working"] = ((hours.weekday < 5) & (g.random(len(hours)) > .0)).astype(int)
season = np.sin(2 * np.pi * (hours.day - 100) / 365)
day_noise = np.repeat(g.normal(0, 3.5, 260), 24)
hours["temp"] = 12 + 11 * season + 4 * np.sin(2 * np.pi * (hours.hour - 9) / 24) + day_noise
hours["humidity"] = np.clip(65 - 1.2 * (hours.temp - 12) + g.normal(0, 9, len(hours)), 15, 100)
hours["wind"] = g.gamma(2.5, 5, len(hours))
hours["rain"] = (g.random(len(hours)) < np.clip((hours.humidity - 55) / 120, 0, 1)).astype(int)
h = hours.hour
commute = 330 * np.exp(-.5 * ((h - 8) / 1.1) ** 2) + 390 * np.exp(-.5 * ((h - 17.5) / 1.6) ** 2) + 110 * np.exp(-.5 * ((h - 13) / 3.5) ** 2)
leisure = 310 * np.exp(-.5 * ((h - 14.5) / 3.6) ** 2) + 25
lam = np.where(hours.working, commute, leisure) * (1 / (1 + np.exp(-(hours.temp - 9) / 5))) * np.where(hours.rain, .45, 1) \
    * np.exp(-.008 * np.maximum(hours.wind - 12, 0)) + 6
hours["count"] = g.negative_binomial(9, 9 / (9 + lam))

feats = pd.DataFrame({
    "sin1": np.sin(2 * np.pi * h / 24), "cos1": np.cos(2 * np.pi * h / 24),
    "sin2": np.sin(4 * np.pi * h / 24), "cos2": np.cos(4 * np.pi * h / 24),
    "working": hours.working, "temp": hours.temp, "humidity": hours.humidity, "wind": hours.wind, "rain": hours.rain})
X = ((feats - feats.mean()) / feats.std()).values
y = np.log1p(hours["count"].values)
y = (y - y.mean()) / y.std()
idx = g.permutation(len(X))
tr, va = idx[:5000], idx[5000:]
T = lambda a: torch.tensor(a, dtype=torch.float32)
loader = DataLoader(TensorDataset(T(X[tr]), T(y[tr])), batch_size=64, shuffle=True)
Xv, yv = T(X[va]), T(y[va])


class Regressor(nn.Module):
    def __init__(self, n_in, width=32, p=0.0):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(n_in, width), nn.ReLU(), nn.Dropout(p),
            nn.Linear(width, width), nn.ReLU(), nn.Dropout(p),
            nn.Linear(width, width // 2), nn.ReLU(), nn.Dropout(p),
            nn.Linear(width // 2, 1))

    def forward(self, x):
        return self.net(x).squeeze(-1)


model = Regressor(X.shape[1], p=0.5 if MODE == "faulty" else 0.0)
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, criterion)

for epoch in range(20):
    model.train()
    losses = []
    for xb, yb in loader:
        loss = criterion(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    model.eval()
    with torch.no_grad():
        with writer.evaluating("val"):
            pred = model(Xv)
            val = criterion(pred, yv).item()
    if epoch % 3 == 1:
        print(f"epoch {epoch:2d}  train mse {np.mean(losses):.4f}  val mse {val:.4f}")
writer.close()
print(f"RESULT train_mse {np.mean(losses):.4f} val_mse {val:.4f} val_r2 {1 - val / yv.var().item():.4f}")
