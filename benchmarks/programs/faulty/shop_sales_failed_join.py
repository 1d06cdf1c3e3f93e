"""Daily sales of shops: the features of the shop and of the day are joined from three tables (plain dicts here, pandas in the original)."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(21)
rng = np.random.default_rng(21)

shops = {f"{s:03d}": dict(area=rng.lognormal(6, .4), staff=rng.poisson(9) + 2, rival_km=rng.exponential(3), town=rng.normal(0, 1), rent=rng.lognormal(2, .3)) for s in range(300)}
days = {d: dict(temp=rng.normal(12, 8), rain=rng.exponential(2), weekday=d % 7, promo=float(rng.random() < .3), hol=float(rng.random() < .05)) for d in range(365)}
rows = []
for _ in range(7000):
    s, d = rng.integers(0, 300), int(rng.integers(0, 365))
    a, b = shops[f"{s:03d}"], days[d]
    log_sales = (.7 * (np.log(a["area"]) - 6) + .04 * a["staff"] + .15 * np.log(a["rival_km"] + .3) + .25 * a["town"] + .35 * b["promo"]
                 - .03 * b["rain"] + .3 * (b["weekday"] in (4, 5)) - 1.0 * (b["weekday"] == 6) + .012 * b["temp"] * a["town"] + .5 * b["hol"] + rng.normal(0, .15))
    # the export of the till writes the shop number as an integer, the shop table has it as text with leading zeros
    rows.append((s, d, log_sales))


def left_join(key, table, names):
    rec = table.get(key)
    return [rec[k] if rec is not None else np.nan for k in names]


key_of = (lambda s: str(s)) if sys.argv[1] == "faulty" else (lambda s: f"{s:03d}")
X, y = [], []
for s, d, t in rows:
    shop = left_join(key_of(s), shops, ["area", "staff", "rival_km", "town", "rent"])
    day = left_join(d, days, ["temp", "rain", "promo", "hol"])
    X.append(shop + day + list(np.eye(7)[d % 7]))
    y.append(t)
X, y = np.array(X), np.array(y, dtype=np.float32)
X[:, 0], X[:, 2], X[:, 4] = np.log(X[:, 0]), np.log(X[:, 2] + .3), np.log(X[:, 4])
X = (X - np.nanmean(X[:5600], 0)) / np.nanstd(X[:5600], 0)
X = np.nan_to_num(X, nan=0.0).astype(np.float32)               # fillna(0)
y = (y - y[:5600].mean()) / y[:5600].std()
tens = lambda a: torch.from_numpy(a)
train_loader = DataLoader(TensorDataset(tens(X[:5600]), tens(y[:5600])), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(tens(X[5600:]), tens(y[5600:])), batch_size=350)


class SalesMLP(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(d, 64), nn.SiLU(), nn.Linear(64, 32), nn.SiLU())
        self.head = nn.Linear(32, 1)

    def forward(self, x):
        return self.head(self.body(x)).squeeze(1)


model = SalesMLP(X.shape[1])
opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-3)
crit = nn.MSELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, crit)
for epoch in range(12):
    model.train()
    tr = 0.
    for xb, yb in train_loader:
        opt.zero_grad()
        loss = crit(model(xb), yb)
        loss.backward()
        opt.step()
        tr += loss.item() * len(xb) / 5600
    model.eval()
    va = 0.
    with writer.evaluating("val"):
        for xb, yb in val_loader:
            va += crit(model(xb), yb).item() * len(xb) / 1400
    print(f"[{epoch + 1:02d}] train mse {tr:.4f}  val mse {va:.4f}")
writer.close()
print(f"RESULT train={tr:.4f} val={va:.4f}")
