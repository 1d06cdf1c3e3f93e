"""Graph classification with GIN (after the DGL example, before 'Add Batchnorm and activation after GINConv layers')"""
import sys
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter


def random_graph(rng):
    """small 'ego networks' of two kinds of collaboration, label by how clustered the dense part is"""
    n = rng.randint(12, 25)
    label = rng.randint(0, 3)
    A = (rng.rand(n, n) < .08).astype(np.float32)
    if label == 0:                        # two cliques joined by a hub
        k = n // 3
        A[:k, :k] = rng.rand(k, k) < .8
        A[k:2 * k, k:2 * k] = rng.rand(k, k) < .8
    elif label == 1:                      # one large sparse community
        k = int(n * .8)
        A[:k, :k] = np.maximum(A[:k, :k], rng.rand(k, k) < 2 * .8 * (n // 3) ** 2 / k ** 2)
    else:                                 # stars
        for h in range(3):
            A[h] = np.maximum(A[h], rng.rand(n) < .5)
    A = np.triu(A, 1)
    A = A + A.T
    perm = rng.permutation(n)
    A = A[perm][:, perm]
    deg = A.sum(1)
    x = np.eye(10, dtype=np.float32)[np.minimum(deg, 9).astype(int)]
    flip = rng.rand(n) < .1               # mis-recorded attributes
    x[flip] = x[rng.permutation(n)][flip]
    return A, x, label


def collate(gs):
    N = max(len(g[0]) for g in gs)
    A, X, M = np.zeros((len(gs), N, N), np.float32), np.zeros((len(gs), N, 10), np.float32), np.zeros((len(gs), N, 1), np.float32)
    for i, (a, x, _) in enumerate(gs):
        A[i, :len(a), :len(a)], X[i, :len(a)], M[i, :len(a)] = a, x, 1
    return torch.tensor(A), torch.tensor(X), torch.tensor(M), torch.tensor([g[2] for g in gs])


class ApplyNodeFunc(nn.Module):
    def __init__(self, mlp):
        super().__init__()
        self.mlp = mlp
        self.bn = nn.LayerNorm(mlp.out_features)

    def forward(self, h):
        if args.form == "faulty":
            return self.mlp(h)
        return F.relu(self.bn(self.mlp(h)))


class GIN(nn.Module):
    def __init__(self, num_layers=4, in_dim=10, hidden=24, out=3):
        super().__init__()
        self.eps = nn.Parameter(torch.zeros(num_layers))
        self.ginlayers = nn.ModuleList(
            ApplyNodeFunc(nn.Linear(in_dim if l == 0 else hidden, hidden)) for l in range(num_layers))
        self.linear_prediction = nn.ModuleList(nn.Linear(in_dim if l == 0 else hidden, out) for l in range(num_layers + 1))

    def forward(self, A, h, mask):
        deg = A.sum(2, keepdim=True).clamp(min=1)
        hs = [h]
        for l, layer in enumerate(self.ginlayers):
            h = layer((1 + self.eps[l]) * h + A @ h / deg) * mask
            hs.append(h)
        return sum(p(h.sum(1) / mask.sum(1)) for p, h in zip(self.linear_prediction, hs))


parser = argparse.ArgumentParser("GIN")
parser.add_argument("form")
parser.add_argument("logdir")
parser.add_argument("--epochs", type=int, default=12)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.RandomState(0)
graphs = [random_graph(rng) for _ in range(2500)]
trainset, validset = graphs[:2000], collate(graphs[2000:])
model = GIN()
optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.5)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(args.epochs):
    model.train()
    order = rng.permutation(len(trainset))
    for i in range(0, len(order), 32):
        A, X, M, y = collate([trainset[j] for j in order[i:i + 32]])
        loss = criterion(model(A, X, M), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(*validset[:3])
        vl = criterion(out, validset[3]).item()
    acc = (out.argmax(1) == validset[3]).float().mean().item()
    print(f"epoch: {epoch}, train loss {loss.item():.4f}, valid loss {vl:.4f}, valid acc {acc:.4f}")
writer.close()
print(f"RESULT val_loss={vl:.4f} val_acc={acc:.4f}")
