# quark/gluon jets with an energy flow network-like deep set; constituents (pT, eta, phi, E) per jet, padded with zeros
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(137)
np.random.seed(137)
PREPROCESS = sys.argv[1] != "faulty"
NMAX = 24


def jets(n):
    gluon = np.random.rand(n) < .5
    X = np.zeros((n, NMAX, 4), "float32")
    for j in range(n):
        pt_jet = np.random.uniform(500, 550)
        k = np.clip(np.random.poisson(14 if gluon[j] else 9.5), 3, NMAX)
        z = np.random.dirichlet(np.full(k, .9 if gluon[j] else .6))
        width = np.random.gamma(3, .035) if gluon[j] else np.random.gamma(3, .024)
        eta0, phi0 = np.random.uniform(-1.7, 1.7), np.random.uniform(0, 2 * np.pi)
        r = np.random.exponential(width, k) / (1 + 4 * z)
        a = np.random.uniform(0, 2 * np.pi, k)
        pt = np.sort(z * pt_jet)[::-1]
        eta, phi = eta0 + r * np.cos(a), phi0 + r * np.sin(a)
        X[j, :k] = np.c_[pt, eta, phi, pt * np.cosh(eta)]
    return X, gluon.astype("float32")


def preprocess(X):
    """centre each jet on its pT weighted axis, log momenta"""
    out = np.zeros_like(X)
    for x, o in zip(X, out):
        k = x[:, 0] > 0
        w = x[k, 0] / x[k, 0].sum()
        o[k, 0] = np.log(x[k, 0] / 20)
        o[k, 1] = (x[k, 1] - (w * x[k, 1]).sum()) * 10
        o[k, 2] = (x[k, 2] - (w * x[k, 2]).sum()) * 10
        o[k, 3] = np.log(x[k, 3] / 40)
    return out


class ParticleFlow(nn.Module):
    def __init__(self):
        super().__init__()
        self.phi = nn.Sequential(nn.Linear(4, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 32), nn.ReLU())
        self.F = nn.Sequential(nn.Linear(32, 48), nn.ReLU(), nn.Linear(48, 1))

    def forward(self, x, mask):
        return self.F((self.phi(x) * mask).sum(1) / NMAX).squeeze(-1)


X, y = jets(6000)
mask = torch.tensor((X[:, :, :1] > 0).astype("float32"))
if PREPROCESS:
    X = preprocess(X)
X, y = torch.tensor(X), torch.tensor(y)
tr, va = slice(0, 4800), slice(4800, 6000)

pfn = ParticleFlow()
bce = nn.BCEWithLogitsLoss()
opt = torch.optim.Adam(pfn.parameters(), lr=1e-3)
dw = DiagWriter(sys.argv[2])
dw.watch(pfn, opt, bce)
for ep in range(12):
    perm = torch.randperm(4800)
    for i in range(0, 4800, 64):
        b = perm[i:i + 64]
        loss = bce(pfn(X[b], mask[b]), y[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with dw.evaluating("val"), torch.no_grad():
        s = pfn(X[va], mask[va])
        vl = bce(s, y[va]).item()
    acc = ((s > 0) == (y[va] > .5)).float().mean().item()
    print(ep, f"{loss.item():.4f} {vl:.4f} {acc:.4f}")
dw.close()
print(f"RESULT val_loss {vl:.4f} val_acc {acc:.4f}")
