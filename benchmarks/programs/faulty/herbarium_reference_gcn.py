"""GCN (Kipf & Welling) on a small reference network of botanical papers (simulated: 900 papers, 6 fields).
papers.csv holds one word per row (long form), cites.csv the edges."""
import io, sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2)
form, logdir = sys.argv[1], sys.argv[2]


def write_tables(n=900, k=6, words=300, seed=8):
    g = np.random.default_rng(seed)
    field = g.integers(0, k, n)
    prof = g.dirichlet(np.full(words, .12), size=k) * .45 + g.dirichlet(np.full(words, 2.0)) * .55
    rows = []
    for i in range(n):
        for w in g.choice(words, size=g.integers(10, 25), p=prof[field[i]]):
            rows.append((i, w))
    edges = []
    for i in range(n):
        for _ in range(g.integers(1, 4)):
            same = g.random() < .55
            pool = np.where(field == field[i])[0] if same else np.arange(n)
            edges.append((i, g.choice(pool)))
    papers = pd.DataFrame(rows, columns=["paper", "word"]).sample(frac=1, random_state=0)
    return (papers.to_csv(index=False), pd.DataFrame(edges, columns=["a", "b"]).to_csv(index=False),
            pd.DataFrame({"paper": range(n), "field": field}).to_csv(index=False))


def load():
    p, c, f = write_tables()
    dtype = {"paper": str} if form == "faulty" else {"paper": int}
    words = pd.read_csv(io.StringIO(p), dtype=dtype)
    bag = pd.crosstab(words["paper"], words["word"])         # one row per paper
    bag = (bag > 0).astype("float32")
    feats = torch.tensor(bag.values)
    feats = feats / feats.sum(1, keepdim=True)
    fields = pd.read_csv(io.StringIO(f)).sort_values("paper")
    labels = torch.tensor(fields["field"].values)
    e = torch.tensor(pd.read_csv(io.StringIO(c)).values)
    n = len(labels)
    A = torch.eye(n)
    A[e[:, 0], e[:, 1]] = 1
    A[e[:, 1], e[:, 0]] = 1
    d = A.sum(1).rsqrt()
    return feats, labels, d[:, None] * A * d[None]


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout):
        super().__init__()
        self.w1 = nn.Linear(nfeat, nhid)
        self.w2 = nn.Linear(nhid, nclass)
        self.dropout = dropout

    def forward(self, x, adj):
        x = F.relu(adj @ self.w1(x))
        x = F.dropout(x, self.dropout, training=self.training)
        return adj @ self.w2(x)


features, labels, adj = load()
n = len(labels)
perm = torch.randperm(n)
idx_train, idx_val, idx_test = perm[:360], perm[360:540], perm[540:]
model = GCN(features.shape[1], 32, 6, 0.5)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)
for epoch in range(300):
    model.train()
    optimizer.zero_grad()
    out = model(features, adj)
    loss = loss_fn(out[idx_train], labels[idx_train])
    loss.backward()
    optimizer.step()
    if epoch % 10 == 9:
        model.eval()
        with writer.evaluating("val"):
            out = model(features, adj)
            vl = loss_fn(out[idx_val], labels[idx_val]).item()
        va = (out[idx_val].argmax(1) == labels[idx_val]).float().mean().item()
        if epoch % 50 == 49:
            print(f"Epoch {epoch+1:04d} loss_train {loss.item():.4f} loss_val {vl:.4f} acc_val {va:.4f}")
model.eval()
with torch.no_grad():
    out = model(features, adj)
acc = (out[idx_test].argmax(1) == labels[idx_test]).float().mean().item()
writer.close()
print(f"RESULT test_acc {acc:.4f} val_loss {vl:.4f}")
