"""Simulated solvation energies of random small molecules (trees with a few rings), message passing with bond types, packed batches, sum readout."""
import random
import sys

import numpy as np
import torch
import torch.nn as nn

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(21)
random.seed(21)
rng = np.random.default_rng(21)

ATOMS = ["C", "N", "O", "F", "S"]
ATOM_E = np.array([0.6, -1.2, -1.8, 0.1, -0.3])
BOND_E = {1: 0.0, 2: -0.4}


def molecule():
    n = int(rng.integers(6, 16))
    atoms = rng.choice(5, n, p=[0.6, 0.13, 0.15, 0.05, 0.07])
    edges = [(i, int(rng.integers(max(0, i - 4), i)), int(rng.choice([1, 2], p=[0.8, 0.2]))) for i in range(1, n)]
    if rng.random() < 0.5:
        edges.append((n - 1, int(rng.integers(0, n - 4)), 1))
    nbr = [[] for _ in range(n)]
    e = 0.0
    for i, j, b in edges:
        nbr[i].append(j)
        nbr[j].append(i)
        e += BOND_E[b] * (1.5 if 2 in (atoms[i], atoms[j]) else 1.0)
    for i in range(n):
        hetero = sum(atoms[j] in (1, 2) for j in nbr[i])
        e += ATOM_E[atoms[i]] * (0.6 if len(nbr[i]) > 2 else 1.0) + 0.35 * hetero * (atoms[i] == 0)
    return atoms, edges, e + 0.25 * rng.normal()


def collate(mols):
    x, src, dst, bt, gid, y, off = [], [], [], [], [], [], 0
    for g, (atoms, edges, e) in enumerate(mols):
        x += list(atoms)
        gid += [g] * len(atoms)
        for i, j, b in edges:
            src += [i + off, j + off]
            dst += [j + off, i + off]
            bt += [b - 1, b - 1]
        off += len(atoms)
        y.append(e)
    t = torch.tensor
    return t(x), t(src), t(dst), t(bt), t(gid), t(y, dtype=torch.float32)


class MPNN(nn.Module):
    def __init__(self, d=48, rounds=2):
        super().__init__()
        self.atom, self.bond = nn.Embedding(5, d), nn.Embedding(2, d)
        self.message = nn.ModuleList(nn.Sequential(nn.Linear(2 * d, d), nn.ReLU()) for _ in range(rounds))
        self.update = nn.ModuleList(nn.GRUCell(d, d) for _ in range(rounds))
        self.read = nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, 1))

    def forward(self, x, src, dst, bt, gid, n):
        h = self.atom(x)
        for m, u in zip(self.message, self.update):
            msg = m(torch.cat([h[src], self.bond(bt)], 1))
            h = u(torch.zeros_like(h).index_add_(0, dst, msg), h)
        return torch.zeros(n).index_add_(0, gid, self.read(h).squeeze(1))


mols = [molecule() for _ in range(6000)]
train, val, test = mols[:5000], mols[5000:5500], mols[5500:]
ey = np.array([m[2] for m in train])
mean, std = ey.mean(), ey.std()
val_b, test_b = collate(val), collate(test)

net = MPNN()
loss_fn = nn.L1Loss()
opt = torch.optim.Adam(net.parameters(), lr=4e-3)
sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.7)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, loss_fn)
hist = []
for epoch in range(10):
    random.shuffle(train)
    for k in range(0, len(train), 50):
        *graph, y = collate(train[k:k + 50])
        loss = loss_fn(net(*graph, n=50), (y - mean) / std)
        opt.zero_grad()
        loss.backward()
        opt.step()
    sched.step()
    with writer.evaluating("val"):
        hist.append(loss_fn(net(*val_b[:-1], n=len(val)), (val_b[-1] - mean) / std).item())
    print(epoch, f"val MAE {hist[-1] * std:.4f}")
with writer.evaluating("test"):
    mae = loss_fn(net(*test_b[:-1], n=len(test)), (test_b[-1] - mean) / std).item() * std
writer.close()
from sklearn.linear_model import RidgeCV
feat = lambda ms: np.array([np.r_[np.bincount(a, minlength=5), len(e), sum(b == 2 for *_, b in e)] for a, e, _ in ms])
rr = RidgeCV(np.logspace(-2, 3, 8)).fit(feat(train), [m[2] for m in train])
base = np.abs(rr.predict(feat(test)) - [m[2] for m in test]).mean()
print(f"RESULT test_mae {mae:.4f} noise_mae {0.25 * np.sqrt(2 / np.pi):.4f} counts_ridge {base:.4f} val_min {min(hist) * std:.4f} val_last {hist[-1] * std:.4f}")
