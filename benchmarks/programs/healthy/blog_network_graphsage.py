"""Two-layer GraphSAGE (mean aggregator), full batch, on a simulated blog network: 700 blogs, 5 communities, noisy bag-of-words."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter


def blogs(n=700, k=5, words=80, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(k, size=n)
    p = np.where(y[:, None] == y[None], 0.022, 0.0045)
    A = np.triu(rng.random((n, n)) < p, 1)
    A = (A | A.T).astype(np.float32)
    topic = rng.normal(0, 0.55, (k, words))
    logits = -2.2 + topic[y] + rng.normal(0, 0.5, (n, words))
    X = (rng.random((n, words)) < 1 / (1 + np.exp(-logits))).astype(np.float32)
    return A, X, y


class SAGEConv(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.self_lin, self.nb_lin = nn.Linear(i, o), nn.Linear(i, o, bias=False)

    def forward(self, x, P):
        return self.self_lin(x) + self.nb_lin(P @ x)


class SAGE(nn.Module):
    def __init__(self, i, h, o, p=0.5):
        super().__init__()
        self.c1, self.c2, self.p = SAGEConv(i, h), SAGEConv(h, o), p

    def forward(self, x, P):
        x = F.dropout(x, self.p * .6, self.training)
        x = F.dropout(F.relu(self.c1(x, P)), self.p, self.training)
        return self.c2(x, P)


torch.set_num_threads(1)
torch.manual_seed(4)
LR = float(sys.argv[1]) if len(sys.argv) > 2 else 0.01
A, X, y = blogs()
P = torch.tensor(A / np.maximum(A.sum(1, keepdims=True), 1))
X, y = torch.tensor(X), torch.tensor(y)
perm = torch.randperm(len(y))
train, val = perm[:450], perm[450:]

model = SAGE(X.shape[1], 32, 5)
opt = torch.optim.Adam(model.parameters(), lr=LR, weight_decay=5e-3)
writer = DiagWriter(sys.argv[-1])
writer.watch(model, opt, F.cross_entropy)
for epoch in range(200):
    model.train()
    opt.zero_grad()
    loss = writer.loss_fn(model(X, P)[train], y[train])
    loss.backward()
    opt.step()
    if epoch % 5 == 4:
        model.eval()
        with writer.evaluating("val"):
            out = model(X, P)
            vl = writer.loss_fn(out[val], y[val]).item()
        acc = (out[val].argmax(1) == y[val]).float().mean().item()
        if epoch % 40 == 39:
            print(epoch + 1, f"{loss.item():.4f} val {vl:.4f} acc {acc:.4f}")
writer.close()
from sklearn.linear_model import LogisticRegression
b = LogisticRegression(C=.1, max_iter=500).fit(X[train], y[train]).score(X[val], y[val])
F2 = torch.cat([X, P @ X, P @ (P @ X)], 1)
b2 = LogisticRegression(C=.3, max_iter=500).fit(F2[train], y[train]).score(F2[val], y[val])
print(f"RESULT val_loss {vl:.4f} val_acc {acc:.4f} logreg_words_only {b:.4f} logreg_with_neighbours {b2:.4f}")
