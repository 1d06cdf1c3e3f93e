"""
ESMM (Ma et al. 2018): estimate the post-click conversion rate over the entire space.
Two towers on shared embeddings, loss = BCE(click, pCTR) + BCE(click & buy, pCTR * pCVR).
4 % of the impressions are clicked and 0.9 % end in a purchase; nothing is resampled, since calibrated probabilities are wanted.
"""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(12)
rng = np.random.default_rng(12)

FIELDS = {"user_seg": 60, "item": 300, "category": 20, "shop": 80, "slot": 5, "hour": 24}
n = 80_000
X = np.stack([rng.zipf(1.35, n) % v if k in ("item", "shop") else rng.integers(0, v, n) for k, v in FIELDS.items()], 1)
X[:, 2] = X[:, 1] % 20                                                # an item has one category
U, V = rng.normal(0, 1, (60, 3)), rng.normal(0, 1, (20, 3))
item_ctr, item_cvr, slot = rng.normal(0, .6, 300), rng.normal(0, .6, 300), np.array([.8, .4, 0, -.4, -.8])
aff = (U[X[:, 0]] * V[X[:, 2]]).sum(1)
z_click = -3.8 + .45 * aff + item_ctr[X[:, 1]] + slot[X[:, 4]] + .3 * np.sin(X[:, 5] / 24 * 2 * np.pi)
z_buy = -1.9 + .35 * aff + item_cvr[X[:, 1]] + .5 * rng.normal(0, 1, 80)[X[:, 3]]
sig = lambda z: 1 / (1 + np.exp(-z))
click = (rng.random(n) < sig(z_click)).astype(np.float32)
buy = click * (rng.random(n) < sig(z_buy)).astype(np.float32)
print(f"ctr {click.mean():.4f} ctcvr {buy.mean():.4f}")
X, y = torch.tensor(X), torch.tensor(np.stack([click, buy], 1)).float()
n_tr = 64_000


class ESMM(nn.Module):
    def __init__(self, k=8):
        super().__init__()
        self.embs = nn.ModuleList(nn.Embedding(v, k) for v in FIELDS.values())
        for e in self.embs:
            nn.init.normal_(e.weight, std=0.05)
        tower = lambda: nn.Sequential(nn.Linear(k * len(FIELDS), 32), nn.ReLU(), nn.Linear(32, 1))
        self.ctr, self.cvr = tower(), tower()

    def forward(self, x):
        h = torch.cat([e(x[:, i]) for i, e in enumerate(self.embs)], 1)
        p_ctr, p_cvr = torch.sigmoid(self.ctr(h)).squeeze(1), torch.sigmoid(self.cvr(h)).squeeze(1)
        return torch.stack([p_ctr, p_ctr * p_cvr], 1)


def esmm_loss(p, y):
    return F.binary_cross_entropy(p[:, 0], y[:, 0]) + F.binary_cross_entropy(p[:, 1], y[:, 1])


model = ESMM()
opt = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-5)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, esmm_loss)

for epoch in range(4):
    model.train()
    tot = 0.
    for b in torch.randperm(n_tr).split(256):
        loss = writer.loss_fn(model(X[b]), y[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        tot += loss.item() * len(b)
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        p = model(X[n_tr:])
        val = writer.loss_fn(p, y[n_tr:]).item()
    a1, a2 = (roc_auc_score(y[n_tr:, j], p[:, j]) for j in (0, 1))
    print(f"epoch {epoch} train {tot / n_tr:.4f} val {val:.4f} auc ctr {a1:.4f} ctcvr {a2:.4f}  mean pCTR {p[:, 0].mean():.4f} pCTCVR {p[:, 1].mean():.4f}")
writer.close()
b = y[:n_tr].mean(0)
print("constant prediction:", esmm_loss(b.expand(n - n_tr, 2), y[n_tr:]).item())
print(f"RESULT val_loss={val:.4f} auc_ctr={a1:.4f} auc_ctcvr={a2:.4f}")
