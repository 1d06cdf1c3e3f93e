import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(5); torch.manual_seed(5)

# a citation network like Cora: 7 topics, 1500 papers, bag of 300 words, 20 labelled papers a topic
N, C, W = 1500, 7, 300
y = np.random.randint(0, C, N)
topic_words = np.random.dirichlet(np.full(W, .25), C)
X = np.zeros((N, W), dtype="float32")
for i in range(N):
    mix = .5 * topic_words[y[i]] + .5 / W
    X[i, np.random.choice(W, 14, p=mix)] = 1
X /= X.sum(1, keepdims=True)
deg = np.random.pareto(2.5, N) + .6
P = np.outer(deg, deg)
P *= np.where(y[:, None] == y[None], 4.2, .28) / (P.mean() * N) * 3.6 / 2
A = np.triu(np.random.rand(N, N) < P, 1)
A = (A | A.T).astype("float32") + np.eye(N, dtype="float32")
d = A.sum(1) ** -.5
A_hat = torch.tensor(d[:, None] * A * d[None]).to_sparse_coo().coalesce()
X, y = torch.tensor(X), torch.tensor(y)
perm = torch.tensor(np.random.permutation(N))
idx_train = torch.cat([perm[y[perm] == c][:20] for c in range(C)])
rest = perm[~torch.isin(perm, idx_train)]
idx_val, idx_test = rest[:400], rest[400:1200]


class GraphConvolution(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(i, o)); self.bias = nn.Parameter(torch.zeros(o))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x, adj):
        return torch.sparse.mm(adj, x @ self.weight) + self.bias


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout):
        super().__init__()
        self.gc1 = GraphConvolution(nfeat, nhid)
        self.gc2 = GraphConvolution(nhid, nclass)
        self.dropout = dropout

    def forward(self, x, adj):
        x = F.dropout(x, self.dropout, training=self.training)
        x = F.relu(self.gc1(x, adj))
        x = F.dropout(x, self.dropout, training=self.training)
        return self.gc2(x, adj)


model = GCN(W, 32, C, 0.5)
optimizer = torch.optim.Adam([{"params": model.gc1.parameters(), "weight_decay": 1e-3}, {"params": model.gc2.parameters(), "weight_decay": 0}], lr=0.02)
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)
for epoch in range(250):
    model.train()
    optimizer.zero_grad()
    out = model(X, A_hat)
    loss_train = loss_fn(out[idx_train], y[idx_train])
    acc_tr = (out[idx_train].argmax(1) == y[idx_train]).float().mean()
    loss_train.backward()
    optimizer.step()
    with writer.evaluating("val"):
        out = model(X, A_hat)
        loss_val = loss_fn(out[idx_val], y[idx_val])
    acc_val = (out[idx_val].argmax(1) == y[idx_val]).float().mean()
    if epoch % 25 == 24:
        print(f"Epoch {epoch + 1:04d} loss_train {loss_train.item():.4f} acc_train {acc_tr:.3f} loss_val {loss_val.item():.4f} acc_val {acc_val:.3f}")
with writer.evaluating("test"):
    out = model(X, A_hat)
    lt = loss_fn(out[idx_test], y[idx_test])
print(f"test loss {lt.item():.4f} acc {(out[idx_test].argmax(1) == y[idx_test]).float().mean():.3f}")
writer.close()
