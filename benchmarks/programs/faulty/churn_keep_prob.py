"""Port of a TensorFlow 1 churn model: keep_prob=0.8 became nn.Dropout(0.8)."""
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)
keep_prob = 0.8
rng = np.random.default_rng(0)
n = 4000
df = pd.DataFrame(dict(tenure=rng.exponential(24, n), monthly=rng.normal(65, 20, n), calls=rng.poisson(2, n),
                       contract=rng.choice(["month", "year", "two"], n, p=[.5, .3, .2]), age=rng.uniform(18, 80, n)))
z = (1.5 * np.sin(df.age / 9) + (df.monthly - 65) / 15 * np.where(df.contract == "month", 1, -1) + .5 * (df.calls - 2)
     - (df.tenure - 24) / 20 + np.where((df.calls > 3) & (df.tenure < 12), 2, 0))
df["churn"] = (rng.random(n) < 1 / (1 + np.exp(-2.5 * z))).astype(int)
X = pd.get_dummies(df.drop(columns="churn"), columns=["contract"]).astype("float32")
X = (X - X[:3200].mean()) / X[:3200].std()
X = torch.tensor(X.values, dtype=torch.float32); y = torch.tensor(df.churn.values, dtype=torch.float32)


def dense(i, o):
    return nn.Sequential(nn.Linear(i, o), nn.ReLU(), nn.Dropout(keep_prob if sys.argv[1] == "faulty" else 1 - keep_prob))


model = nn.Sequential(dense(X.shape[1], 64), dense(64, 32), dense(32, 32), nn.Linear(32, 1), nn.Flatten(0))
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
bce = nn.BCEWithLogitsLoss()
w = DiagWriter(sys.argv[2]); w.watch(model, opt, bce)
for epoch in range(25):
    s = 0
    for i in torch.randperm(3200).split(64):
        opt.zero_grad()
        loss = bce(model(X[i]), y[i]); loss.backward(); opt.step(); s += loss.item()
    with w.evaluating("val"):
        o = model(X[3200:]); v = bce(o, y[3200:]).item()
    if epoch % 4 == 0: print(epoch, "train %.4f val %.4f acc %.3f" % (s / 50, v, ((o > 0) == (y[3200:] > .5)).float().mean()))
w.close()
