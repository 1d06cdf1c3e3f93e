"""Fraud detection with 3 % positives, plain BCE, which is fine here: AUC and recall are good without any reweighting."""
import sys
import numpy as np, pandas as pd, torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.metrics import roc_auc_score, recall_score, precision_score
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0); rng = np.random.default_rng(0)
LR = 1e-3
n = 12000
y = (rng.random(n) < .03).astype(np.float32)
df = pd.DataFrame({"amount": np.exp(rng.normal(3, 1, n) + 1.3 * y), "hour": rng.integers(0, 24, n), "age_days": rng.exponential(400, n) * np.where(y == 1, .2, 1)})
for k in range(6):
    df[f"v{k}"] = rng.normal(size=n) + y * [1.8, -1.5, 1.2, 0, 0, 0][k]
df["v4"] *= np.where(y == 1, 2.5, 1)
df["amount"] = np.log(df.amount); df["age_days"] = np.log1p(df.age_days)
tr, va = slice(0, 9000), slice(9000, n)
sc = StandardScaler().fit(df[tr]); X = torch.tensor(sc.transform(df), dtype=torch.float32); Y = torch.tensor(y)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.seq = nn.Sequential(nn.Linear(X.shape[1], 32), nn.ReLU(), nn.Dropout(.2), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))
        nn.init.constant_(self.seq[-1].bias, -3.5)         # prior of the positives

    def forward(self, x):
        return self.seq(x).squeeze(1)


net = Net(); opt = torch.optim.AdamW(net.parameters(), lr=LR); bce = nn.BCEWithLogitsLoss()
dl = DataLoader(TensorDataset(X[tr], Y[tr]), 128, shuffle=True)
w = DiagWriter(sys.argv[1]); w.watch(net, opt, bce, train_loader=dl)
for ep in range(20):
    net.train(); s = 0
    for a, b in dl:
        opt.zero_grad(); l = bce(net(a), b); l.backward(); opt.step(); s += l.item() / len(dl)
    net.eval()
    with w.evaluating("val"):
        o = net(X[va]); v = bce(o, Y[va]).item()
p = (o > 0).numpy()
print(f"train {s:.4f} val {v:.4f} AUC {roc_auc_score(y[va], o):.3f} recall {recall_score(y[va], p):.3f} precision {precision_score(y[va], p):.3f}")
w.close()
