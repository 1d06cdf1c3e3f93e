import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.manual_seed(9)
torch.set_num_threads(1)


def sbm(n=500, k=7, seed=9):
    g = np.random.default_rng(seed)
    y = g.integers(0, k, n)
    prob = np.where(y[:, None] == y[None], 0.05, 0.008)
    a = np.triu(g.random((n, n)) < prob, 1)
    a = (a | a.T).astype(np.float32)
    centers = g.normal(0, 1, (k, 24))
    x = (centers[y] * .45 + g.normal(0, 1, (n, 24))).astype(np.float32)
    a += np.eye(n, dtype=np.float32)
    d = a.sum(1) ** -0.5
    perm = g.permutation(n)
    return (torch.from_numpy(x), torch.from_numpy(a * d[:, None] * d[None]), torch.from_numpy(y),
            torch.from_numpy(perm[:250]), torch.from_numpy(perm[250:350]), torch.from_numpy(perm[350:]))


class GraphConv(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.lin = nn.Linear(i, o, bias=False)
        self.bias = nn.Parameter(torch.zeros(o))
        nn.init.xavier_uniform_(self.lin.weight)

    def forward(self, x, adj):
        return adj @ self.lin(x) + self.bias


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout):
        super().__init__()
        self.gc1, self.gc2 = GraphConv(nfeat, nhid), GraphConv(nhid, nclass)
        self.dropout = dropout

    def forward(self, x, adj):
        x = F.relu(self.gc1(x, adj))
        x = F.dropout(x, self.dropout, training=self.training)
        x = self.gc2(x, adj)
        if form == "faulty":
            x = F.softmax(x, dim=1)
        return x


features, adj, labels, idx_train, idx_val, idx_test = sbm()
model = GCN(features.shape[1], 32, 7, dropout=0.4)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-3)
writer = DiagWriter(logdir)
writer.watch(model, optimizer)

for epoch in range(150):
    model.train()
    optimizer.zero_grad()
    output = model(features, adj)
    loss_train = F.cross_entropy(output[idx_train], labels[idx_train])
    writer.add_loss("train", loss_train)
    loss_train.backward()
    optimizer.step()
    if epoch % 10 == 9:
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            output = model(features, adj)
            loss_val = F.cross_entropy(output[idx_val], labels[idx_val])
            writer.add_loss("val", loss_val)
        acc = (output[idx_test].argmax(1) == labels[idx_test]).float().mean().item()
        if epoch % 50 == 49:
            print(f"Epoch: {epoch + 1:04d} loss_train: {loss_train.item():.4f} loss_val: {loss_val.item():.4f} test acc {acc:.3f}")
writer.close()
