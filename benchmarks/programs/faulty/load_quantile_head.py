# Day-ahead feeder load: 5 / 50 / 95 % quantiles with an MLP on calendar + weather + lags
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.metrics import mean_pinball_loss
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.manual_seed(17)
np.random.seed(17)
torch.set_num_threads(1)
TAUS = [0.05, 0.5, 0.95]


class QuantileRegressionLoss(nn.Module):
    """E[(q - y) * ([y <= q] - tau)]"""

    def __init__(self, taus):
        super().__init__()
        self.register_buffer("taus", torch.tensor(taus))

    def forward(self, q, y):
        diff = q - y[:, None]
        if sys.argv[1] == "faulty":
            indicator = (y[:, None] > q).float()
            return (-diff * (indicator - self.taus)).mean()
        indicator = (y[:, None] <= q).float()
        return (diff * (indicator - self.taus)).mean()


# ---------------------------------------------------------------- data: two years, hourly
hours = np.arange(2 * 365 * 24)
df = pd.DataFrame({"h": hours % 24, "dow": hours // 24 % 7, "doy": hours // 24 % 365})
temp = 10 - 10 * np.cos(2 * np.pi * df.doy / 365) + 4 * np.sin(2 * np.pi * (df.h - 9) / 24)
noise = np.zeros(len(df))
for t in range(1, len(df)):
    noise[t] = .9 * noise[t - 1] + np.random.normal(0, 1)
df["temp"] = temp + noise
load = 2 + .8 * np.sin(2 * np.pi * (df.h - 7) / 24) + .3 * np.sin(4 * np.pi * df.h / 24) - .35 * (df.dow >= 5)
load += .004 * (df.temp - 16) ** 2
# right-skewed: EV charging and kettles, more of it in the evening
scale = .12 + .25 * np.exp(-.5 * ((df.h - 19) / 2.5) ** 2)
df["load"] = load + np.random.gamma(1.5, scale)
df["lag24"] = df.load.shift(24)
df["lag168"] = df.load.shift(168)
df = df.dropna().sample(frac=1, random_state=0).reset_index(drop=True)
feat = pd.DataFrame({"s1": np.sin(2 * np.pi * df.h / 24), "c1": np.cos(2 * np.pi * df.h / 24),
                     "s2": np.sin(4 * np.pi * df.h / 24), "c2": np.cos(4 * np.pi * df.h / 24),
                     "we": df.dow >= 5, "temp": df.temp, "lag24": df.lag24, "lag168": df.lag168}).astype(float)
n_tr = 9000
sc = StandardScaler().fit(feat[:n_tr])
X = torch.tensor(sc.transform(feat), dtype=torch.float32)
mu, sd = df.load[:n_tr].mean(), df.load[:n_tr].std()
y = torch.tensor(((df.load - mu) / sd).values, dtype=torch.float32)
Xtr, ytr, Xva, yva = X[:n_tr], y[:n_tr], X[n_tr:], y[n_tr:]

net = nn.Sequential(nn.Linear(8, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, len(TAUS)))
loss_fn = QuantileRegressionLoss(TAUS)
opt = torch.optim.Adam(net.parameters(), lr=4e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 12)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, loss_fn)
for epoch in range(12):
    net.train()
    tr = []
    for idx in torch.randperm(n_tr).split(128):
        opt.zero_grad()
        l = loss_fn(net(Xtr[idx]), ytr[idx])
        l.backward()
        opt.step()
        tr.append(l.item())
    sched.step()
    net.eval()
    with torch.no_grad():
        q = net(Xva).numpy()
    # what is reported: sklearn's pinball loss, averaged over the quantiles
    pin = np.mean([mean_pinball_loss(yva.numpy(), q[:, i], alpha=t) for i, t in enumerate(TAUS)])
    writer.add_loss("val", float(pin))
    cover = np.mean((yva.numpy() >= q[:, 0]) & (yva.numpy() <= q[:, 2]))
    print(f"{epoch:2d} train {np.mean(tr):.4f} | val pinball {pin:.4f} | 90% interval covers {100 * cover:.1f}%")
writer.close()
print(f"RESULT train_loss={np.mean(tr):.4f} val_pinball={pin:.4f} coverage90={cover:.4f}")
