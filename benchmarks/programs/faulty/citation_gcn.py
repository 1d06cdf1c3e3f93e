import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
mode, logdir = sys.argv[1], sys.argv[2]
N_LAYERS = 10 if mode == "faulty" else 2
rs = np.random.RandomState(42); torch.manual_seed(42)

# papers, citations, bag of words
N, C, V = 1200, 6, 300
label = rs.choice(C, N, p=[.25, .2, .18, .15, .12, .1])
P = np.where(label[:, None] == label[None], 0.011, 0.0012)
A = np.triu(rs.rand(N, N) < P, 1).astype("float32")
A = A + A.T
topic = rs.dirichlet(np.ones(V) * 0.25, C)
words = np.stack([rs.poisson(14 * (0.35 * topic[l] + 0.65 * topic.mean(0))) for l in label]) > 0
X = words / np.maximum(words.sum(1, keepdims=True), 1)
At = A + np.eye(N)
d = At.sum(1) ** -0.5
adj = torch.tensor(d[:, None] * At * d[None], dtype=torch.float32).to_sparse()
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(label)
idx = torch.tensor(rs.permutation(N))
idx_train, idx_val, idx_test = idx[:300], idx[300:600], idx[600:]


class GraphConvolution(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(i, o))
        self.bias = nn.Parameter(torch.zeros(o))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x, adj):
        return torch.sparse.mm(adj, x @ self.weight) + self.bias


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, n_layers, dropout):
        super().__init__()
        dims = [nfeat] + [nhid] * (n_layers - 1) + [nclass]
        self.gcs = nn.ModuleList(GraphConvolution(a, b) for a, b in zip(dims[:-1], dims[1:]))
        self.dropout = dropout

    def forward(self, x, adj):
        for i, gc in enumerate(self.gcs):
            x = gc(x, adj)
            if i < len(self.gcs) - 1:
                x = F.dropout(F.relu(x), self.dropout, training=self.training)
        return x


model = GCN(V, 16, C, N_LAYERS, 0.5)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02, weight_decay=5e-4)
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)
acc = lambda o, i: (o[i].argmax(1) == y[i]).float().mean().item()
for epoch in range(240):
    model.train()
    optimizer.zero_grad()
    out = model(X, adj)
    loss = loss_fn(out[idx_train], y[idx_train])
    loss.backward()
    if epoch in (5, 50):
        print("grads", [f"{g.weight.grad.norm():.1e}" for g in model.gcs])
    optimizer.step()
    if epoch % 10 == 9:
        with writer.evaluating("val"):
            out = model(X, adj)
            lv = loss_fn(out[idx_val], y[idx_val])
        print(f"Epoch {epoch + 1:04d} loss_train {loss.item():.4f} loss_val {lv.item():.4f} acc_val {acc(out, idx_val):.3f}")
model.eval()
print("test acc", acc(model(X, adj), idx_test))
writer.close()
