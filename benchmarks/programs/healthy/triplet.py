"""Metric learning with semi-hard triplets on digits; retrieval recall@1 on a held-out part."""
import sys
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)
rng = np.random.default_rng(42)

X, y = load_digits(return_X_y=True)
idx = rng.permutation(len(X))
tr, te = idx[:1200], idx[1200:]
scaler = StandardScaler().fit(X[tr])
Xtr, Xte = (torch.tensor(scaler.transform(X[i]), dtype=torch.float32) for i in (tr, te))
ytr, yte = torch.tensor(y[tr]), torch.tensor(y[te])
by_class = [np.flatnonzero(y[tr] == c) for c in range(10)]


class EmbeddingNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 128), nn.PReLU(), nn.Linear(128, 64), nn.PReLU(), nn.Linear(64, 16))

    def forward(self, x):
        return nn.functional.normalize(self.net(x), dim=1)


def batch_semi_hard(emb, labels, margin):
    """Every anchor-positive pair with its semi-hard negative."""
    d = torch.cdist(emb, emb)
    same = labels[:, None] == labels[None]
    a, p = torch.where(same & ~torch.eye(len(labels), dtype=torch.bool))
    dap = d[a, p]
    dan = d[a].masked_fill(same[a], 9.0)
    semi = dan.masked_fill(dan <= dap[:, None], 9.0)
    n = semi.argmin(1)
    none = semi.min(1).values >= 9.0
    n[none] = dan.masked_fill(same[a], -1.0)[none].argmax(1)
    return a, p, n


net = EmbeddingNet()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
loss_fn = nn.TripletMarginLoss(margin=0.5)
sched = torch.optim.lr_scheduler.StepLR(opt, 200, gamma=0.5)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, loss_fn)


def recall():
    with torch.no_grad():
        e, g = net(Xte), net(Xtr)
    return (ytr[torch.cdist(e, g).argmin(1)] == yte).float().mean().item()


before = recall()
for it in range(600):
    pick = np.concatenate([rng.choice(c, 8, replace=False) for c in by_class])
    labels = ytr[pick]
    emb = net(Xtr[pick])
    with torch.no_grad():
        a, p, n = batch_semi_hard(emb, labels, 0.5)
    loss = loss_fn(emb[a], emb[p], emb[n])
    opt.zero_grad()
    loss.backward()
    opt.step()
    sched.step()
    if it % 200 == 199:
        writer.add_scalar("recall@1", recall(), it)
writer.close()
print(f"RESULT triplet {loss.item():.4f}; recall@1 {before:.3f} -> {recall():.3f}")
