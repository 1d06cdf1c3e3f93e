# Graph isomorphism network (Xu et al. 2019, weihua916/powerful-gnns): sum aggregation, 2-layer MLPs with BatchNorm, jumping-knowledge sum readout, Adam .01, StepLR 50/.5
import sys
import numpy as np, torch
import torch.nn as nn, torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0); rng = np.random.default_rng(0)


def graph(label):
    """trees with two motifs attached: rings of 4 or 5 (class 0), rings of 6 (class 1), 4-cliques (class 2); a few spurious edges"""
    n = rng.integers(10, 16)
    edges = [(i, rng.integers(max(0, i - 4), i)) for i in range(1, n)]
    for _ in range(2):
        k = [rng.integers(4, 6), 6, 4][label]
        ring = list(range(n, n + k)); n += k
        edges += [(ring[i], ring[i - 1]) for i in range(k)] + [(ring[0], rng.integers(0, 10))]
        if label == 2: edges += [(ring[0], ring[2]), (ring[1], ring[3])]
    for _ in range(rng.integers(0, 3)): edges.append(tuple(rng.choice(n, 2, replace=False)))
    A = np.zeros((n, n), np.float32)
    for i, j in edges: A[i, j] = A[j, i] = 1
    return A, label


class GIN(nn.Module):
    def __init__(self, d_in, h, classes, layers=4, drop=.5):
        super().__init__()
        self.mlps = nn.ModuleList(); self.bns = nn.ModuleList(); self.preds = nn.ModuleList([nn.Linear(d_in, classes)])
        for l in range(layers):
            self.mlps.append(nn.Sequential(nn.Linear(d_in if l == 0 else h, h), nn.BatchNorm1d(h), nn.ReLU(), nn.Linear(h, h)))
            self.bns.append(nn.BatchNorm1d(h)); self.preds.append(nn.Linear(h, classes))
        self.eps = nn.Parameter(torch.zeros(layers)); self.drop = drop

    def forward(self, adj, x, pool):
        hidden = [x]
        for l, (mlp, bn) in enumerate(zip(self.mlps, self.bns)):
            x = F.relu(bn(mlp(adj @ x + (1 + self.eps[l]) * x)))
            hidden.append(x)
        return sum(F.dropout(p(pool @ h), self.drop, self.training) for p, h in zip(self.preds, hidden))


def collate(items):
    n = [len(a) for a, _ in items]
    adj = torch.block_diag(*[torch.from_numpy(a) for a, _ in items])
    pool = torch.block_diag(*[torch.full((1, k), 1 / k) for k in n])
    deg = adj.sum(1).long().clamp(max=7)
    return adj, F.one_hot(deg, 8).float(), pool, torch.tensor([l for _, l in items])


data = [graph(i % 3) for i in range(1200)]
perm = rng.permutation(1200)
train, test = [data[i] for i in perm[:960]], collate([data[i] for i in perm[960:]])
model = GIN(8, 32, 3)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=15, gamma=0.5)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
for epoch in range(1, 41):
    model.train()
    loss_accum = 0
    for b in torch.randperm(960).split(32):
        adj, x, pool, labels = collate([train[i] for i in b])
        loss = criterion(model(adj, x, pool), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_accum += loss.item() / 30
    scheduler.step()
    with writer.evaluating("test"):
        out = model(*test[:3]); tl = criterion(out, test[3]).item()
    acc = (out.argmax(1) == test[3]).float().mean().item()
    if epoch % 8 == 0: print("epoch %d loss training: %f accuracy test: %f" % (epoch, loss_accum, acc))
writer.close()
print(f"RESULT train (dropout on the outputs) {loss_accum:.3f} test {tl:.3f} acc {acc:.3f}")
