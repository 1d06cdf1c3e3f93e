# graph classification with mini-batches of padded graphs (the MUTAG colab)
import sys
import numpy as np
import torch
from torch.nn import Linear, Module
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(12345)
r = np.random.RandomState(0)
MAXN, ATOMS = 26, 7

def molecule():
    rings = r.randint(1, 4); A = np.zeros((MAXN, MAXN), "f4"); t = np.zeros(MAXN, int); k = 0; nitro = 0
    for c in range(rings):
        s = r.choice([5, 6]); ids = list(range(k, k + s)); k += s
        for i in range(s): A[ids[i], ids[(i + 1) % s]] = 1
        if r.rand() < .35: t[r.choice(ids)] = 1
        if c: A[ids[0], r.randint(0, ids[0])] = 1
    for _ in range(r.randint(0, 3)):
        if k + 3 > MAXN: break
        a = r.randint(0, k)
        if r.rand() < .5: t[k] = 1; t[k+1] = t[k+2] = 2; A[a, k] = A[k, k+1] = A[k, k+2] = 1; k += 3; nitro += 1
        else: t[k] = r.choice([2, 3, 4, 5, 6], p=[.5, .2, .1, .1, .1]); A[a, k] = 1; k += 1
    A = np.maximum(A, A.T)
    z = 2.2 * nitro + 1.3 * (rings - 2) + 1.2 * (t[:k] == 1).sum() * .5 - 1.7 + r.logistic() * .45
    m = np.zeros(MAXN, "f4"); m[:k] = 1
    return A, np.eye(ATOMS, dtype="f4")[t] * m[:, None], m, int(z > 0)
A, X, M, y = (torch.tensor(np.stack(v)) for v in zip(*[molecule() for _ in range(2200)]))
train_dataset = TensorDataset(A[:1700], X[:1700], M[:1700], y[:1700])
test_dataset = TensorDataset(A[1700:], X[1700:], M[1700:], y[1700:])
train_loader = DataLoader(train_dataset, batch_size=64, shuffle=True)
test_loader = DataLoader(test_dataset, batch_size=64, shuffle=False)

class GraphConv(Module):
    def __init__(self, i, o):
        super().__init__()
        self.lin_rel, self.lin_root = Linear(i, o), Linear(i, o, bias=False)
    def forward(self, x, adj): return self.lin_rel(adj @ x) + self.lin_root(x)

class GNN(Module):
    def __init__(self, hidden_channels):
        super(GNN, self).__init__()
        self.conv1 = GraphConv(ATOMS, hidden_channels)
        self.conv2 = GraphConv(hidden_channels, hidden_channels)
        self.conv3 = GraphConv(hidden_channels, hidden_channels)
        self.lin = Linear(hidden_channels, 2)
    def forward(self, x, adj, mask):
        x = self.conv1(x, adj).relu()
        x = self.conv2(x, adj).relu()
        x = self.conv3(x, adj)
        x = (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        x = F.dropout(x, p=0.5, training=self.training)
        return self.lin(x)

model = GNN(hidden_channels=64)
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
criterion = torch.nn.CrossEntropyLoss()
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 30)
w = DiagWriter(sys.argv[1])
w.watch(model, optimizer, criterion)

def train():
    model.train(); s = 0
    for adj, x, m, t in train_loader:
        out = model(x, adj, m)
        loss = criterion(out, t)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        s += loss.item() / len(train_loader)
    return s
@torch.no_grad()
def test(loader):
    model.eval()
    correct = ls = 0
    for adj, x, m, t in loader:
        out = model(x, adj, m)
        ls += criterion(out, t).item() / len(loader)
        correct += int((out.argmax(dim=1) == t).sum())
    return ls, correct / len(loader.dataset)
for epoch in range(1, 31):
    tl = train()
    sched.step()
    ls, acc = test(test_loader)
    if epoch % 3 == 0: print(f'Epoch: {epoch:03d}, Train: {tl:.4f}, Test: {ls:.4f} Test Acc: {acc:.4f}')
print("share of mutagens", y.float().mean().item())
w.close()
