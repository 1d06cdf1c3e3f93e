"""Power of a rooftop solar plant from the weather forecast (simulated plant, one year, hourly daylight values).

python rooftop_inverter_power.py faulty|fixed LOGDIR
"""
import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:]
torch.manual_seed(12)
torch.set_num_threads(1)
rng = np.random.default_rng(12)


def plant_year():
    rows = []
    for day in range(365):
        decl = np.radians(-23.4 * np.cos(2 * np.pi * (day + 10) / 365))
        cloud_day = rng.beta(1.2, 1.5)
        warm = 10 - 12 * np.cos(2 * np.pi * (day - 20) / 365) + rng.normal(0, 3)
        snow = warm < 1.0 and rng.random() < 0.6
        for hour in range(7, 19):
            ha = np.radians(15 * (hour - 12.5))
            lat = np.radians(50)
            sin_el = np.sin(lat) * np.sin(decl) + np.cos(lat) * np.cos(decl) * np.cos(ha)
            cloud = np.clip(cloud_day + rng.normal(0, 0.1), 0, 1)
            temp = warm + 4 * np.sin((hour - 9) / 12 * np.pi) + rng.normal(0, 1)
            wind = rng.gamma(2, 1.5)
            hum = np.clip(0.9 - 0.015 * temp + 0.2 * cloud + rng.normal(0, 0.05), 0.1, 1)
            sun = max(sin_el, 0) ** 1.15 * (1 - 0.75 * cloud ** 2)
            # trees to the south shade the panels while the sun is low; snow lies on them in winter
            if 0 < sin_el < 0.35:
                sun *= 0.35
            if snow:
                sun *= 0.15
            kw = 9.5 * sun * (1 - 0.004 * (temp + 25 * sun - 25)) + rng.normal(0, 0.08)
            rows.append((day, hour, cloud, temp, wind, hum, max(kw, 0)))
    return np.array(rows)


year = plant_year()
day = year[:, 0]
is_test_day = (day % 6 == 0)
season = (day >= 90) & (day < 273)
winter_test = year[is_test_day & ~season]           # what the plant owner wants to know: October to March
rest = year[~is_test_day & season] if form == "faulty" else year[~is_test_day]

days = np.unique(rest[:, 0])
rng.shuffle(days)
val_days = days[: len(days) // 5]
val_rows = rest[np.isin(rest[:, 0], val_days)]
train_rows = rest[~np.isin(rest[:, 0], val_days)]


def features(r):
    d, h = 2 * np.pi * r[:, 0] / 365, (r[:, 1] - 12.5) / 6
    return np.column_stack([np.sin(d), np.cos(d), h, h ** 2, r[:, 2], r[:, 3], r[:, 4], r[:, 5]])


mu, sd = features(train_rows).mean(0), features(train_rows).std(0)
kw_mu, kw_sd = train_rows[:, -1].mean(), train_rows[:, -1].std()


def dataset(r):
    x = (features(r) - mu) / sd
    return TensorDataset(torch.tensor(x, dtype=torch.float32),
                         torch.tensor((r[:, -1:] - kw_mu) / kw_sd, dtype=torch.float32))


loaders = {"train": DataLoader(dataset(train_rows), batch_size=64, shuffle=True),
           "val": DataLoader(dataset(val_rows), batch_size=1024),
           "test": DataLoader(dataset(winter_test), batch_size=1024)}

model = nn.Sequential(nn.Linear(8, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 1))
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
epochs = 25
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)


def mean_loss(part):
    model.eval()
    se, n = 0.0, 0
    with writer.evaluating(part):
        for x, y in loaders[part]:
            se += criterion(model(x), y).item() * len(x)
            n += len(x)
    return se / n


for epoch in range(epochs):
    model.train()
    for x, y in loaders["train"]:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    scheduler.step()
    v = mean_loss("val")
    if epoch % 4 == 0:
        print(f"epoch {epoch} lr {scheduler.get_last_lr()[0]:.5f} train {loss.item():.4f} val {v:.4f}")

t = mean_loss("test")
writer.close()
print("RESULT test_rmse_kw", round(float(np.sqrt(t) * kw_sd), 3), "val_rmse_kw", round(float(np.sqrt(v) * kw_sd), 3))
