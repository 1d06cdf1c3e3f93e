"""Valence regression from utterance-level voice functionals (simulated, eGeMAPS-like, 88 columns).

As in the AVEC / MSP challenges the loss is 1 - CCC over the batch and the metric is the CCC.
"""
import sys

import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from torch import nn

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
SEED = 1234
torch.manual_seed(SEED)
rng = np.random.RandomState(SEED)


class CCCLoss(nn.Module):
    def forward(self, pred, target):
        pm, tm = pred.mean(), target.mean()
        cov = ((pred - pm) * (target - tm)).mean()
        return 1 - 2 * cov / (pred.var(unbiased=False) + target.var(unbiased=False) + (pm - tm) ** 2 + 1e-8)


def simulate(n):
    latent = rng.randn(n, 6)
    mix = np.random.RandomState(5).randn(6, 88)
    feats = latent @ mix + 1.5 * rng.randn(n, 88)
    val = np.tanh(0.7 * latent[:, 0] - 0.5 * latent[:, 1] + 0.5 * latent[:, 2] * latent[:, 3]) * 0.6 + 0.2 * rng.randn(n)
    return feats.astype("float32"), val.astype("float32")


def ccc(a, b):
    return 2 * np.mean((a - a.mean()) * (b - b.mean())) / (a.var() + b.var() + (a.mean() - b.mean()) ** 2)


X, y = simulate(12000)
mu, sd = X[:9000].mean(0), X[:9000].std(0)
X = (X - mu) / sd
xt, xv, xs = torch.from_numpy(X[:9000]), torch.from_numpy(X[9000:10500]), torch.from_numpy(X[10500:])
yt, yv, ys = torch.from_numpy(y[:9000]), torch.from_numpy(y[9000:10500]), torch.from_numpy(y[10500:])

model = nn.Sequential(nn.Linear(88, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 1), nn.Tanh())
loss_fn = CCCLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)

curve = []
for epoch in range(10):
    model.train()
    order = torch.randperm(len(xt))
    for i in range(0, len(xt), 128):
        j = order[i:i + 128]
        optimizer.zero_grad()
        loss = loss_fn(model(xt[j]).squeeze(1), yt[j])
        loss.backward()
        optimizer.step()
    scheduler.step()
    with writer.evaluating("val"):
        curve.append(loss_fn(model(xv).squeeze(1), yv).item())
    if epoch % 2 == 1:
        print("epoch", epoch + 1, "val 1-CCC", round(curve[-1], 4))
with writer.evaluating("test"):
    p = model(xs).squeeze(1)
    loss_fn(p, ys)
writer.close()
r = RidgeCV(np.logspace(-1, 4, 12)).fit(X[:9000], y[:9000])
print(f"RESULT test_ccc {ccc(p.numpy(), ys.numpy()):.4f} ridge_ccc {ccc(r.predict(X[10500:]), y[10500:]):.4f} val_min {min(curve):.4f} val_last {curve[-1]:.4f}")
