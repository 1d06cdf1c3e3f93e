"""Normality memory for anomaly scores on process data: reconstruct through a bank of prototypes."""
import sys, math
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter
from sklearn.metrics import roc_auc_score

torch.set_num_threads(1)
faulty = sys.argv[1] == 'faulty'
lr = float(sys.argv[3]) if len(sys.argv) > 3 else 9e-3
torch.manual_seed(5); rng = np.random.default_rng(5)
C = 24
centers = rng.normal(size=(10, C)) * 1.3
dirs = rng.normal(size=(10, 3, C)) * .35

def normal_data(n):
    k = rng.integers(10, size=n)
    return centers[k] + np.einsum('nj,njc->nc', rng.normal(size=(n, 3)), dirs[k]) + .25 * rng.normal(size=(n, C))

def anomalies(n):
    a, b = normal_data(n), normal_data(n)
    m = rng.random((n, C)) < .35
    return np.where(m, b, a)

class NormalityMemory(nn.Module):
    def __init__(self, L, channel):
        super().__init__()
        if faulty:
            self.keys = torch.randn(L, channel)
            self.values = torch.randn(L, channel)
        else:
            self.keys = nn.Parameter(torch.randn(L, channel))
            self.values = nn.Parameter(torch.randn(L, channel))
        self.scale = 1 / math.sqrt(channel)

    def forward(self, q):
        att = torch.softmax(q @ self.keys.t() * self.scale, dim=-1)
        return att @ self.values, att

class MemAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.query = nn.Sequential(nn.Linear(C, 32), nn.ReLU(), nn.Linear(32, C))
        self.memory = NormalityMemory(40, C)
        self.out_bias = nn.Parameter(torch.zeros(C))

    def forward(self, x):
        r, att = self.memory(self.query(x))
        return r + self.out_bias, att

X = normal_data(6000); mu, sd = X.mean(0), X.std(0)
prep = lambda a: torch.tensor((a - mu) / sd, dtype=torch.float32)
Xtr, Xva = prep(X[:5000]), prep(X[5000:])
Xan = prep(anomalies(1000))
net = MemAE()
optim = torch.optim.Adam(net.parameters(), lr=lr)
sch = torch.optim.lr_scheduler.CosineAnnealingLR(optim, 12)
loss_fn = nn.MSELoss()
w = DiagWriter(sys.argv[2]); w.watch(net, optim, loss_fn)
for ep in range(12):
    net.train(); acc = []
    for idx in torch.randperm(len(Xtr)).split(100):
        rec, _ = net(Xtr[idx])
        loss = loss_fn(rec, Xtr[idx])
        optim.zero_grad(); loss.backward(); optim.step(); acc.append(loss.item())
    sch.step(); net.eval()
    with torch.no_grad(), w.evaluating("val"):
        v = loss_fn(net(Xva)[0], Xva).item()
    print(ep, round(np.mean(acc), 4), round(v, 4))
with torch.no_grad():
    sc = torch.cat([((net(a)[0] - a) ** 2).mean(1) for a in (Xva, Xan)]).numpy()
w.close()
print(f"RESULT train {np.mean(acc):.4f} val {v:.4f} anomaly_auc {roc_auc_score([0]*1000+[1]*1000, sc):.3f}")
