"""Hail claim within the season, yes/no: about 0.6 % of the fields have one (simulated from a known risk).  Plain BCE, no weights:
the aim is calibrated probabilities, compared with the true risk."""
import sys

import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(31)
rng = np.random.default_rng(31)

N = 60000
alt, slope, lat = rng.gamma(3, 150, N), rng.gamma(2, 3, N), rng.uniform(45, 51, N)
cape, prev = rng.gamma(4, 200, N), rng.poisson(0.2, N)
crop = rng.integers(0, 5, N)
risk_crop = np.array([0.0, 0.6, -0.4, 0.9, -0.8])
eta = -5.9 + 0.0012 * (cape - 800) + 0.7 * prev + risk_crop[crop] + 0.001 * (alt - 450) - 0.15 * (lat - 48) + 0.8 * ((cape > 1100) & (alt > 600))
true_p = 1 / (1 + np.exp(-eta))
label = (rng.random(N) < true_p).astype("float32")
num = np.c_[alt, slope, lat, cape, prev]
num = (num - num[:40000].mean(0)) / num[:40000].std(0)
X = torch.tensor(np.c_[num, np.eye(5)[crop]]).float()
y = torch.tensor(label)

model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))
nn.init.constant_(model[-1].bias, float(np.log(label[:40000].mean() / (1 - label[:40000].mean()))))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
train = DataLoader(TensorDataset(X[:40000], y[:40000]), batch_size=512, shuffle=True)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)
vals = []
for epoch in range(7):
    for xb, yb in train:
        optimizer.zero_grad()
        loss = loss_fn(model(xb).squeeze(-1), yb)
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        vals.append(loss_fn(model(X[40000:50000]).squeeze(-1), y[40000:50000]).item())
    print("epoch", epoch + 1, "val", round(vals[-1], 5))
with writer.evaluating("test"):
    logit = model(X[50000:]).squeeze(-1)
    loss_fn(logit, y[50000:])
p = torch.sigmoid(logit).numpy().astype("float64")
t, yt = true_p[50000:], label[50000:]
base = np.full(len(yt), label[:40000].mean())
writer.close()
print(f"RESULT test_logloss {log_loss(yt, p):.5f} true_risk {log_loss(yt, t):.5f} constant {log_loss(yt, base):.5f} auc {roc_auc_score(yt, p):.4f} auc_true {roc_auc_score(yt, t):.4f} "
      f"ap {average_precision_score(yt, p):.4f} ap_true {average_precision_score(yt, t):.4f} val_min {min(vals):.5f} val_last {vals[-1]:.5f} base_rate {yt.mean():.4f}")
