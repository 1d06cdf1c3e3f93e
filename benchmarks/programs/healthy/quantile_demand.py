"""Probabilistic demand forecast: three quantiles by pinball loss; heteroscedastic noise sets a floor."""
import sys
import numpy as np, pandas as pd, torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0); rng = np.random.default_rng(0)
LR = 1e-3
QS = torch.tensor([.1, .5, .9])
n = 5000
df = pd.DataFrame({"dow": rng.integers(0, 7, n), "promo": rng.random(n) < .2, "temp": rng.normal(15, 8, n), "price": rng.uniform(1, 3, n)})
base = 2 + .6 * np.sin(df.dow) + 1.2 * df.promo - .9 * (df.price - 2) + .03 * (df.temp - 15) * (df.dow > 4)
df["y"] = base + (.25 + .5 * df.promo) * rng.normal(size=n)
F = np.column_stack([pd.get_dummies(df.dow).values, df.promo, (df.temp - 15) / 8, (df.price - 2) / .58]).astype(np.float32)
X, y = torch.tensor(F), torch.tensor(df.y.values, dtype=torch.float32)[:, None]
tr, va = slice(0, 4000), slice(4000, n)


class Pinball(nn.Module):
    def forward(self, q, t):
        e = t - q
        return torch.maximum(QS * e, (QS - 1) * e).mean()


model = nn.Sequential(nn.Linear(X.shape[1], 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
opt = torch.optim.Adam(model.parameters(), lr=LR)
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, factor=.3, patience=2)
loss_fn = Pinball()
w = DiagWriter(sys.argv[1]); w.watch(model, opt, loss_fn)
best = 9
for ep in range(16):
    s = 0
    for b in torch.randperm(4000).split(64):
        opt.zero_grad(); l = loss_fn(model(X[b]), y[b]); l.backward(); opt.step(); s += l.item() / 63
    with w.evaluating("val"):
        q = model(X[va]); v = loss_fn(q, y[va]).item()
    plateau.step(v); best = min(best, v)
cover = ((y[va] > q[:, :1]) & (y[va] < q[:, 2:])).float().mean()
print(f"train {s:.4f} val {v:.4f} best {best:.4f} coverage of 10-90 {cover:.3f}")
w.close()
