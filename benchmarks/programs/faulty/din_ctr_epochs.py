"""DIN-like click model (user id, item id, category, history of categories) on an ad log of 11500 impressions.

usage: din_ctr_epochs.py {fixed,faulty} LOGDIR
"""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
rng = np.random.RandomState(2020)
torch.manual_seed(2020)

CONF = dict(emb=12, mlp=(32, 16), lr=4e-3, batch=64, l2=0.)
CONF["epochs"] = 12 if sys.argv[1] == "faulty" else 3

N_USER, N_ITEM, N_CAT, HIST = 900, 500, 25, 6


def ad_log(n):
    ucat = rng.dirichlet(np.full(N_CAT, .15), N_USER)
    icat = rng.randint(0, N_CAT, N_ITEM)
    ubias, ibias = .7 * rng.randn(N_USER), .6 * rng.randn(N_ITEM)
    u = rng.randint(0, N_USER, n)
    it = np.minimum((rng.exponential(.25, n) * N_ITEM).astype(int), N_ITEM - 1)
    hist = np.stack([rng.choice(N_CAT, HIST, p=ucat[k]) for k in u])
    c = icat[it]
    swap = rng.rand(n) < .45
    same = hist[np.arange(n), rng.randint(0, HIST, n)]
    c = np.where(swap, same, c)
    match = (hist == c[:, None]).mean(1)
    hour = rng.randint(0, 24, n)
    logit = -2.3 + 4.5 * np.sqrt(match) + ubias[u] + ibias[it] + .5 * np.cos((hour - 20) / 24 * 2 * np.pi)
    y = (rng.rand(n) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    return [torch.as_tensor(v) for v in (u, it, c, hist, hour)], torch.as_tensor(y)


class DIN(nn.Module):
    def __init__(self, d, hidden):
        super().__init__()
        self.user = nn.Embedding(N_USER, d)
        self.item = nn.Embedding(N_ITEM, d)
        self.cat = nn.Embedding(N_CAT, d)
        self.hour = nn.Embedding(24, d)
        for e in (self.user, self.item, self.cat, self.hour):
            nn.init.normal_(e.weight, std=.1)
        self.att = nn.Sequential(nn.Linear(3 * d, 16), nn.PReLU(), nn.Linear(16, 1))
        dims = (5 * d,) + tuple(hidden)
        mods = []
        for a, b in zip(dims, dims[1:]):
            mods += [nn.Linear(a, b), nn.PReLU()]
        self.mlp = nn.Sequential(*mods, nn.Linear(dims[-1], 1))

    def forward(self, u, it, c, hist, hour):
        q = self.cat(c)
        k = self.cat(hist)
        qq = q.unsqueeze(1).expand_as(k)
        w = self.att(torch.cat([qq, k, qq * k], -1))
        interest = (w * k).sum(1)
        return self.mlp(torch.cat([self.user(u), self.item(it), q, interest, self.hour(hour)], -1)).squeeze(-1)


feats, clicks = ad_log(11500)
tr, va = slice(0, 10000), slice(10000, None)
net = DIN(CONF["emb"], CONF["mlp"])
optimizer = torch.optim.Adam(net.parameters(), lr=CONF["lr"], weight_decay=CONF["l2"])
bce = nn.BCEWithLogitsLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, bce)
for ep in range(CONF["epochs"]):
    net.train()
    s = 0.
    parts = torch.randperm(10000).split(CONF["batch"])
    for i, b in enumerate(parts):
        optimizer.zero_grad()
        loss = bce(net(*[f[b] for f in feats]), clicks[b])
        loss.backward()
        optimizer.step()
        s += loss.item()
        if i % 78 == 77:
            net.eval()
            with torch.no_grad(), writer.evaluating("val"):
                o = net(*[f[va] for f in feats])
                v = bce(o, clicks[va]).item()
            net.train()
    auc = roc_auc_score(clicks[va].numpy(), o.numpy())
    print(f"epoch {ep + 1}: train logloss {s / len(parts):.4f}, valid logloss {v:.4f}, auc {auc:.4f}")
writer.close()
p = clicks.mean().item()
print(f"RESULT val_logloss {v:.4f} auc {auc:.4f} prior {-(p * np.log(p) + (1 - p) * np.log(1 - p)):.4f}")
