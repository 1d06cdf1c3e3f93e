# Melbourne-like housing: log price from the usual columns
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)


def load():
    r = np.random.default_rng(3)
    n = 4200
    suburb = r.normal(0, .35, 60)
    s = r.integers(0, 60, n)
    rooms = r.choice([1, 2, 3, 4, 5], n, p=[.06, .28, .4, .2, .06])
    area = rooms * 38 * r.lognormal(0, .22, n)
    land = r.lognormal(5.8, .6, n)
    dist = np.abs(r.normal(10, 5, n)) + 1
    year = r.integers(1890, 2018, n).astype(float)
    car = r.integers(0, 4, n)
    logp = 12.9 + .5 * np.log(area / 100) + .12 * rooms + .1 * np.log(land / 400) - .03 * dist + suburb[s] * .8 \
        + .12 * ((year < 1930) & (dist < 9)) + .04 * car + r.normal(0, .14, n)
    df = pd.DataFrame({"Rooms": rooms, "BuildingArea": area, "Landsize": land, "Distance": dist, "YearBuilt": year, "Car": car,
                       "SuburbMedian": suburb[s] + r.normal(0, .03, n), "LogPrice": logp})
    # the council stopped reporting areas in the later part of the file
    miss = np.zeros(n, bool)
    miss[2900:] = r.random(n - 2900) < .16
    df.loc[miss, "BuildingArea"] = np.nan
    return df


data = load()
features = ["Rooms", "BuildingArea", "Landsize", "Distance", "YearBuilt", "Car", "SuburbMedian"]
X = data[features].dropna(axis=0)
if sys.argv[1] == "faulty":
    y = data.LogPrice[:len(X)]
else:
    y = data.LogPrice.loc[X.index]

X_train, X_val, y_train, y_val = train_test_split(X.values, y.values, random_state=1, test_size=.2)
sx, sy = StandardScaler().fit(X_train), StandardScaler().fit(y_train[:, None])
to_t = lambda a: torch.tensor(a, dtype=torch.float32)
train = DataLoader(TensorDataset(to_t(sx.transform(X_train)), to_t(sy.transform(y_train[:, None]))), batch_size=64, shuffle=True)
xv, yv = to_t(sx.transform(X_val)), to_t(sy.transform(y_val[:, None]))

model = nn.Sequential(nn.Linear(len(features), 24), nn.ELU(), nn.Linear(24, 12), nn.ELU(), nn.Linear(12, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adagrad(model.parameters(), lr=0.05)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)


def run_epoch():
    model.train()
    seen = 0.
    for xb, yb in train:
        loss = loss_fn(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen += loss.item() * len(xb)
    return seen / len(train.dataset)


for epoch in range(1, 16):
    tr = run_epoch()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        pv = model(xv)
        va = loss_fn(pv, yv).item()
    r2 = 1 - va / yv.var(unbiased=False).item()
    print(f"{epoch:02d} train {tr:.4f} val {va:.4f} R2 {r2:.3f}")
writer.close()
print(f"RESULT train={tr:.4f} val={va:.4f} R2={r2:.3f}")
