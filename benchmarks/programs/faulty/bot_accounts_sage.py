"""Bot accounts in a follower graph with a two-layer GraphSAGE (mean aggregator), plain PyTorch.
Simulated graph: bots follow each other a little more and have a shifted profile."""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import f1_score, balanced_accuracy_score
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:]
torch.manual_seed(4)
torch.set_num_threads(1)
rs = np.random.RandomState(4)
N, FRAC = 6000, 0.03
y = (rs.rand(N) < FRAC).astype(np.float32)
X = rs.randn(N, 12).astype(np.float32)
X[:, 0] += 1.3 * y; X[:, 1] -= 1.2 * y; X[:, 2] += 1.1 * y
bots = np.where(y == 1)[0]
src, dst = [], []
for v in range(N):
    for _ in range(8):
        u = rs.choice(bots) if (y[v] == 1 and rs.rand() < 0.30) else rs.randint(N)
        src.append(u); dst.append(v)
idx = torch.tensor(np.stack([dst, src]))
A = torch.sparse_coo_tensor(idx, torch.full((idx.shape[1],), 1 / 8), (N, N)).coalesce().to_sparse_csr()
X, y = torch.from_numpy(X), torch.from_numpy(y)
perm = torch.from_numpy(rs.permutation(N))
tr, va, te = perm[:3000], perm[3000:4000], perm[4000:]


class SAGE(nn.Module):
    def __init__(self, d_in, d_h):
        super().__init__()
        self.l1 = nn.Linear(2 * d_in, d_h)
        self.l2 = nn.Linear(2 * d_h, d_h)
        self.out = nn.Linear(d_h, 1)
        self.drop = nn.Dropout(0.3)

    def forward(self, X):
        h = torch.relu(self.l1(torch.cat([X, A @ X], 1)))
        h = self.drop(h)
        h = torch.relu(self.l2(torch.cat([h, A @ h], 1)))
        return self.out(h).squeeze(1)


model = SAGE(12, 16)
if form == "faulty":
    criterion = nn.BCEWithLogitsLoss()
else:
    n_pos = y[tr].sum()
    criterion = nn.BCEWithLogitsLoss(pos_weight=(len(tr) - n_pos) / n_pos)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-2)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(200):
    model.train()
    optimizer.zero_grad()
    loss = criterion(model(X)[tr], y[tr])
    loss.backward()
    optimizer.step()
    if epoch % 10 == 9:
        with writer.evaluating("val"):
            logit = model(X)[va]
            vloss = criterion(logit, y[va])
        if epoch % 50 == 49:
            acc = ((logit > 0).float() == y[va]).float().mean().item()
            print(f"epoch {epoch + 1} loss {loss.item():.4f} val {vloss.item():.4f} val acc {acc:.4f}")
model.eval()
with torch.no_grad():
    p = (model(X)[te] > 0).long().numpy()
t = y[te].long().numpy()
writer.close()
print(f"RESULT balanced_acc {balanced_accuracy_score(t, p):.4f} recall {p[t == 1].mean():.4f} f1 {f1_score(t, p):.4f}")
