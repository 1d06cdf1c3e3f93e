import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import IterableDataset, DataLoader
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0)

FIELDS = [2000, 500, 100, 24, 7, 12]


class ClickLog(IterableDataset):
    """one pass over a day's log; popularity is long tailed, CTR about 12 %"""
    def __init__(self, n, seed): self.n, self.seed = n, seed
    def __iter__(self):
        w = np.random.RandomState(77)
        bias = [w.randn(c) * s for c, s in zip(FIELDS, [.5, .6, .4, .3, .1, .3])]
        lat = [w.randn(c, 4) * .45 for c in FIELDS]
        r = np.random.RandomState(self.seed)
        for _ in range(self.n // 1000):
            ids = np.stack([np.minimum((r.pareto(1.1, 1000) * c / 40).astype(int), c - 1) if c >= 100 else r.randint(0, c, 1000) for c in FIELDS], 1)
            dense = r.randn(1000, 3)
            V = sum(lat[f][ids[:, f]] for f in range(6)); V2 = sum(lat[f][ids[:, f]] ** 2 for f in range(6))
            s = -2.5 + sum(bias[f][ids[:, f]] for f in range(6)) + .5 * (V ** 2 - V2).sum(1) + .4 * dense[:, 0] - .3 * dense[:, 1] * (dense[:, 2] > 0)
            y = r.rand(1000) < 1 / (1 + np.exp(-s))
            for i in range(1000):
                yield ids[i], dense[i].astype("float32"), np.float32(y[i])


class DeepFM(nn.Module):
    def __init__(self, k=8):
        super().__init__()
        self.first = nn.ModuleList(nn.Embedding(c, 1) for c in FIELDS)
        self.emb = nn.ModuleList(nn.Embedding(c, k) for c in FIELDS)
        for e in self.first: nn.init.zeros_(e.weight)
        for e in self.emb: nn.init.normal_(e.weight, std=.05)
        self.deep = nn.Sequential(nn.Linear(6 * k + 3, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
        self.bias = nn.Parameter(torch.tensor(-2.0))
    def forward(self, ids, dense):
        E = torch.stack([e(ids[:, i]) for i, e in enumerate(self.emb)], 1)
        fm = .5 * (E.sum(1) ** 2 - (E ** 2).sum(1)).sum(1)
        lin = sum(f(ids[:, i]) for i, f in enumerate(self.first)).squeeze(1)
        return self.bias + lin + fm + self.deep(torch.cat([E.flatten(1), dense], 1)).squeeze(1)


train = DataLoader(ClickLog(200_000, 1), batch_size=256)
test = DataLoader(ClickLog(20_000, 2), batch_size=1000)
model = DeepFM()
opt = torch.optim.Adagrad(model.parameters(), lr=0.3, initial_accumulator_value=0.01)
bce = nn.BCEWithLogitsLoss()
w = DiagWriter(sys.argv[1])
w.watch(model, opt, bce)
acc = []
for i, (ids, dense, y) in enumerate(train):
    loss = bce(model(ids, dense), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    acc.append(loss.item())
    if i % 130 == 129:
        print("seen %7d  progressive logloss %.4f" % ((i + 1) * 256, np.mean(acc[-130:])))
        w.add_scalar("progressive/logloss", np.mean(acc[-130:]), i)
with w.evaluating("test"):
    L, P, Y = [], [], []
    for ids, dense, y in test:
        o = model(ids, dense); L.append(bce(o, y).item()); P.append(o); Y.append(y)
from sklearn.metrics import roc_auc_score
Y = torch.cat(Y).numpy()
pr = Y.mean()
print("test logloss %.4f auc %.3f prior %.4f" % (np.mean(L), roc_auc_score(Y, torch.cat(P).numpy()), -(pr * np.log(pr) + (1 - pr) * np.log(1 - pr))))
w.close()
