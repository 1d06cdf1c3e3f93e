"""Click-through rate: sparse categorical ids, wide (one-hot) and deep (embedding) parts; clicks are random, so logloss has a high floor."""
import sys
import numpy as np, torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0); rng = np.random.default_rng(0)
LR = 8e-3
CARD = [60, 40, 24, 7]
n = 30000
ids = np.stack([np.minimum(rng.geometric(3 / c, n) - 1, c - 1) if c > 10 else rng.integers(0, c, n) for c in CARD], 1)
eff = [rng.normal(0, .7, c) for c in CARD]; inter = rng.normal(0, .9, (CARD[2], CARD[3]))
logit = -1.2 + sum(e[ids[:, k]] for k, e in enumerate(eff)) + inter[ids[:, 2], ids[:, 3]]
prob = 1 / (1 + np.exp(-logit)); click = (rng.random(n) < prob).astype(np.float32)
floor = -(prob * np.log(prob) + (1 - prob) * np.log(1 - prob))[24000:].mean()
off = torch.tensor(np.cumsum([0] + CARD[:-1])); X = torch.tensor(ids) + off; Y = torch.tensor(click)


class WideDeep(nn.Module):
    def __init__(self):
        super().__init__()
        self.wide = nn.Linear(sum(CARD), 1)
        self.emb = nn.Embedding(sum(CARD), 8); nn.init.normal_(self.emb.weight, std=.1)
        self.deep = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, onehot, ids):
        return (self.wide(onehot) + self.deep(self.emb(ids).flatten(1))).squeeze(1)


def onehot(x):
    return torch.zeros(len(x), sum(CARD)).scatter_(1, x, 1.0)


model = WideDeep(); opt = torch.optim.Adam(model.parameters(), lr=LR, weight_decay=1e-5); bce = nn.BCEWithLogitsLoss()
w = DiagWriter(sys.argv[1]); w.watch(model, opt, bce)
for ep in range(6):
    s = 0
    for b in torch.randperm(24000).split(64):
        opt.zero_grad(); l = bce(model(onehot(X[b]), X[b]), Y[b]); l.backward(); opt.step(); s += l.item() / 375
    with w.evaluating("val"):
        o = model(onehot(X[24000:]), X[24000:]); v = bce(o, Y[24000:]).item()
    print(f"epoch {ep} train {s:.4f} val {v:.4f} floor {floor:.4f} base rate {click.mean():.3f}")
w.close()
