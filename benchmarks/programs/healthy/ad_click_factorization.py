import sys
import numpy as np
import torch
from torch import nn
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(21)
rng = np.random.default_rng(21)
LR = 4e-3

# impressions: site, ad, device, hour, region, slot; about one in twenty-five is clicked
SIZES = [250, 120, 12, 24, 50, 8]
N = 140000


def power(n, size):
    return np.minimum((rng.pareto(1.1, n) * 6).astype(int), size - 1)


cols = np.stack([power(N, s) if s > 50 else rng.integers(0, s, N) for s in SIZES], 1)
effect = [rng.normal(0, .45, s) for s in SIZES]
vec = [rng.normal(0, .38, (s, 4)) for s in SIZES]
z = sum(e[c] for e, c in zip(effect, cols.T))
v = np.stack([f[c] for f, c in zip(vec, cols.T)])
z = z + .5 * ((v.sum(0) ** 2) - (v ** 2).sum(0)).sum(-1)
clicked = (rng.random(N) < 1 / (1 + np.exp(-(z - 4.1)))).astype('float32')
print('click rate', clicked.mean())
p0 = clicked.mean()
print('loss of the base rate', -(p0 * np.log(p0) + (1 - p0) * np.log(1 - p0)))

offsets = torch.tensor(np.cumsum([0] + SIZES[:-1]))
X = torch.tensor(cols) + offsets
y = torch.tensor(clicked)


class FM(nn.Module):
    def __init__(self, n, k=6):
        super().__init__()
        self.w0 = nn.Parameter(torch.tensor(-3.))
        self.w = nn.Embedding(n, 1)
        self.v = nn.Embedding(n, k)
        nn.init.zeros_(self.w.weight)
        nn.init.normal_(self.v.weight, std=.05)

    def forward(self, x):
        e = self.v(x)
        pair = .5 * (e.sum(1).square() - e.square().sum(1)).sum(1)
        return self.w0 + self.w(x).sum((1, 2)) + pair


tr, va = slice(0, 120000), slice(120000, N)
fm = FM(sum(SIZES))
opt = torch.optim.Adam(fm.parameters(), lr=LR, weight_decay=1e-5)
bce = nn.BCEWithLogitsLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(fm, opt, bce)
for epoch in range(3):
    fm.train()
    s = 0
    for j in torch.randperm(120000).split(128):
        opt.zero_grad()
        loss = bce(fm(X[j]), y[j])
        loss.backward()
        opt.step()
        s += loss.item() * len(j)
    with writer.evaluating('val'):
        p = fm(X[va])
        vl = bce(p, y[va]).item()
    print('epoch %d logloss %.4f val %.4f auc %.4f' % (epoch, s / 1.2e5, vl, roc_auc_score(y[va], p)))
writer.close()
