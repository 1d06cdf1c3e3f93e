"""Graph classification on plain graphs (collaboration-like ego networks) in pure torch,
GCN as in Kipf & Welling, mean readout."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
SEED = 0
np.random.seed(SEED)
torch.manual_seed(SEED)
MAX_N, MAX_DEG = 26, 15


def random_graph(kind):
    n = np.random.randint(16, MAX_N + 1)
    a = np.zeros((n, n))
    if kind == 0:                                     # Erdos-Renyi
        a = np.triu(np.random.rand(n, n) < 4.2 / n, 1)
    elif kind == 1:                                   # preferential attachment
        deg = np.ones(n)
        for v in range(2, n):
            for u in np.random.choice(v, 2, replace=False, p=deg[:v] / deg[:v].sum()):
                a[u, v] = 1; deg[u] += 1; deg[v] += 1
    else:                                             # ring lattice with rewiring
        for v in range(n):
            for k in (1, 2):
                u = (v + k) % n if np.random.rand() > 0.30 else np.random.randint(n)
                if u != v:
                    a[min(u, v), max(u, v)] = 1
    a = np.maximum(a, a.T).astype("float32")
    noise = np.triu(np.random.rand(n, n) < 0.02, 1)
    return np.abs(a - (noise | noise.T)), n


def node_features(a):
    if sys.argv[1] == "faulty":
        # the graphs have no attributes: x = 1 for every node
        return np.ones((len(a), 1), dtype="float32")
    return np.eye(MAX_DEG + 1, dtype="float32")[np.minimum(a.sum(1), MAX_DEG).astype(int)]      # OneHotDegree


def make(n_graphs):
    data = []
    for _ in range(n_graphs):
        y = np.random.randint(3)
        a, n = random_graph(y)
        x = node_features(a)
        ahat = a + np.eye(n)
        ahat = ahat / ahat.sum(1, keepdims=True)      # D^-1 (A + I)
        A = np.zeros((MAX_N, MAX_N), "float32"); A[:n, :n] = ahat
        X = np.zeros((MAX_N, x.shape[1]), "float32"); X[:n] = x
        m = np.zeros((MAX_N, 1), "float32"); m[:n] = 1
        data.append((A, X, m, y))
    A, X, m, y = zip(*data)
    return torch.tensor(np.array(A)), torch.tensor(np.array(X)), torch.tensor(np.array(m)), torch.tensor(y)


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout=0.1):
        super().__init__()
        self.gc1, self.gc2 = nn.Linear(nfeat, nhid), nn.Linear(nhid, nhid)
        self.lin = nn.Linear(nhid, nclass)
        self.dropout = dropout

    def forward(self, A, X, m):
        h = F.relu(A @ self.gc1(X))
        h = F.dropout(h, self.dropout, self.training)
        h = F.relu(A @ self.gc2(h))
        g = (h * m).sum(1) / m.sum(1)
        return self.lin(g)


train_set, val_set = make(1200), make(400)
model = GCN(train_set[1].shape[-1], 32, 3)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=5e-5)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)


def train():
    model.train()
    total = 0
    perm = torch.randperm(len(train_set[3]))
    for idx in perm.split(48):
        A, X, m, y = [z[idx] for z in train_set]
        optimizer.zero_grad()
        loss = criterion(model(A, X, m), y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
    return total / len(perm)


@torch.no_grad()
def test(d):
    model.eval()
    with writer.evaluating("val"):
        out = model(*d[:3])
        loss = criterion(out, d[3]).item()
    return loss, (out.argmax(1) == d[3]).float().mean().item()


for epoch in range(1, 22):
    if epoch == 16:
        for grp in optimizer.param_groups:
            grp["lr"] *= 0.3
    tr = train()
    vl, va = test(val_set)
    if epoch % 4 == 0:
        print(f"Epoch: {epoch:03d}, Loss: {tr:.4f}, Val: {vl:.4f}, Val Acc: {va:.4f}")
writer.close()
print(f"RESULT train={tr:.4f} val={vl:.4f} val_acc={va:.4f}")
