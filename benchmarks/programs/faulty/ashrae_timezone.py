# ASHRAE-like: hourly building electricity from weather + calendar, several sites in different time zones.
# meter readings are in local time, weather.csv is in UTC.
import sys
import numpy as np, pandas as pd
import torch, torch.nn as nn, torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0); np.random.seed(0)
FIX_TZ = sys.argv[1] != "faulty"

SITES = 6
UTC_OFFSET = {0: -5, 1: 0, 2: -7, 3: -5, 4: -8, 5: -6}
H = 24 * 240


def make_data():
    weather, meter = [], []
    for s in range(SITES):
        t = np.arange(H)                                    # local hours
        front = np.zeros(H); v = 0
        for i in range(H):
            v = .82 * v + np.random.randn() * 2.6
            front[i] = v
        cloud = np.clip(.5 + .12 * np.convolve(np.random.randn(H), np.ones(4) / 2, "same") * 2, 0, 1)
        air = 14 + s + 9 * np.sin(2 * np.pi * (t / 24 - 100) / 365) + 5 * np.sin(2 * np.pi * (t % 24 - 9) / 24) + front
        weather.append(pd.DataFrame({"site_id": s, "timestamp": t - UTC_OFFSET[s], "air_temperature": air, "cloud_coverage": cloud}))
        for b in range(4):
            work = ((t % 24 >= 7) & (t % 24 <= 18) & ((t // 24) % 7 < 5)).astype(float)
            base, cool, heat = np.random.uniform(3.5, 5.), np.random.uniform(.03, .09), np.random.uniform(.02, .06)
            load = base + .5 * work + cool * np.maximum(air - 16, 0) + heat * np.maximum(12 - air, 0) - .15 * cloud
            meter.append(pd.DataFrame({"site_id": s, "building_id": s * 4 + b, "timestamp": t, "log_reading": load + .12 * np.random.randn(H)}))
    return pd.concat(weather), pd.concat(meter)


weather, meter = make_data()
if FIX_TZ:
    weather["timestamp"] = weather["timestamp"] + weather["site_id"].map(UTC_OFFSET)
df = meter.merge(weather, on=["site_id", "timestamp"], how="left").dropna()
df = df.sample(frac=.35, random_state=1).reset_index(drop=True)
df["hour"] = df.timestamp % 24
df["dow"] = (df.timestamp // 24) % 7
num = ["air_temperature", "cloud_coverage"]
val_day = (df.timestamp // 24) % 5 == 0                     # every fifth day is validation
mu, sd = df.loc[~val_day, num].mean(), df.loc[~val_day, num].std()
ymu, ysd = df.loc[~val_day, "log_reading"].mean(), df.loc[~val_day, "log_reading"].std()


def to_tensors(d):
    c = torch.tensor(d[["building_id", "hour", "dow"]].values)
    n = torch.tensor(((d[num] - mu) / sd).values, dtype=torch.float32)
    y = torch.tensor(((d["log_reading"] - ymu) / ysd).values, dtype=torch.float32)
    return c, n, y


ctr, ntr, ytr = to_tensors(df[~val_day]); cva, nva, yva = to_tensors(df[val_day])
print("train", len(ytr), "val", len(yva))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.ModuleList([nn.Embedding(24, 6), nn.Embedding(24, 4), nn.Embedding(7, 3)])
        for e in self.emb: nn.init.normal_(e.weight, std=.3)
        self.l1 = nn.Linear(13 + 2, 64); self.l2 = nn.Linear(64, 32); self.out = nn.Linear(32, 1)

    def forward(self, c, n):
        x = torch.cat([e(c[:, i]) for i, e in enumerate(self.emb)] + [n], 1)
        return self.out(F.relu(self.l2(F.relu(self.l1(x))))).squeeze(-1)


model = Model()
EPOCHS, BS = 8, 256
steps = EPOCHS * (len(ytr) // BS)
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
sch = torch.optim.lr_scheduler.CosineAnnealingLR(opt, steps)
loss_fn = nn.MSELoss()
writer = DiagWriter(sys.argv[2]); writer.watch(model, opt, loss_fn)
for ep in range(EPOCHS):
    model.train(); perm = torch.randperm(len(ytr)); tot = 0
    for k in range(len(ytr) // BS):
        i = perm[k * BS:(k + 1) * BS]
        loss = loss_fn(model(ctr[i], ntr[i]), ytr[i])
        opt.zero_grad(); loss.backward(); opt.step(); sch.step()
        tot += loss.item()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        v = sum(loss_fn(model(cva[j:j + 2000], nva[j:j + 2000]), yva[j:j + 2000]).item() * len(yva[j:j + 2000]) for j in range(0, len(yva), 2000)) / len(yva)
    print(ep, "train", round(tot / (len(ytr) // BS), 4), "val", round(v, 4), "rmsle", round(float(ysd) * v ** .5, 4))
writer.close()
print(f"RESULT val_mse={v:.4f} rmsle={float(ysd)*v**.5:.4f}")
