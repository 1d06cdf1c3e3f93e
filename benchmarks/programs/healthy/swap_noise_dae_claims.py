"""Porto Seguro winner's idea (Jahrer): denoising autoencoder with swap noise on rank-gaussed columns, 15 % of the cells swapped with another row's.
Learning the representation only; afterwards a logistic regression on the hidden layers."""
import sys
import numpy as np
import torch
import torch.nn as nn
from scipy.special import erfinv
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(2017)
np.random.seed(2017)


def rank_gauss(x):
    r = np.argsort(np.argsort(x, axis=0), axis=0) / (len(x) - 1) * 2 - 1
    return np.sqrt(2) * erfinv(np.clip(r, -.999, .999))


# 24 columns driven by 6 hidden factors, plus two categories one-hot
N = 6000
F_ = np.random.randn(N, 6)
cont = np.tanh(F_ @ np.random.randn(6, 24) * .6) * np.random.gamma(2, 2, 24) + .25 * np.random.randn(N, 24)
cat1, cat2 = (F_[:, :1] + .5 * np.random.randn(N, 1) > np.array([[-1., 0., 1.]])).sum(1), (F_[:, 1] * F_[:, 2] > 0).astype(int) + (F_[:, 3] > 1)
X = np.c_[rank_gauss(cont), np.eye(4)[cat1], np.eye(3)[cat2]].astype(np.float32)
claim = (np.random.rand(N) < 1 / (1 + np.exp(3 - F_[:, 0] * F_[:, 4] - .8 * F_[:, 5] ** 2))).astype(int)
Xt, Xv = torch.tensor(X[:5000]), torch.tensor(X[5000:])


def swap(x, p=.15):
    mask = torch.rand_like(x) < p
    other = x[torch.randint(len(x), x.shape), torch.arange(x.shape[1])]
    return torch.where(mask, other, x)


class DAE(nn.Module):
    def __init__(self, d, h=128):
        super().__init__()
        self.h1, self.h2, self.h3, self.out = nn.Linear(d, h), nn.Linear(h, h), nn.Linear(h, h), nn.Linear(h, d)

    def features(self, x):
        a = torch.relu(self.h1(x)); b = torch.relu(self.h2(a)); c = torch.relu(self.h3(b))
        return a, b, c

    def forward(self, x):
        return self.out(self.features(x)[-1])


dae = DAE(X.shape[1])
opt = torch.optim.SGD(dae.parameters(), lr=0.2, momentum=.9)
sched = torch.optim.lr_scheduler.ExponentialLR(opt, .95)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(dae, opt, mse)
Xv_noisy = swap(Xv)                                # the same noise at each validation
for ep in range(40):
    dae.train()
    tot = 0
    for b in torch.randperm(len(Xt)).split(128):
        opt.zero_grad()
        loss = mse(dae(swap(Xt[b])), Xt[b])
        loss.backward()
        opt.step()
        tot += loss.item() * len(b) / len(Xt)
    sched.step()
    with writer.evaluating("val"):
        v = mse(dae(Xv_noisy), Xv).item()
    if ep % 8 == 7:
        print(ep, f"{tot:.4f} {v:.4f}")
writer.close()
with torch.no_grad():
    H, Hv = (torch.cat(dae.features(t), 1).numpy() for t in (Xt, Xv))
auc = [roc_auc_score(claim[5000:], LogisticRegression(C=c, max_iter=300).fit(a, claim[:5000]).predict_proba(b)[:, 1]) for a, b, c in ((X[:5000], X[5000:], 1.), (H, Hv, .01))]
print(f"RESULT train {tot:.4f} val {v:.4f} (no denoising {mse(Xv_noisy, Xv).item():.4f}, variance {Xv.var(0).mean():.3f}) auc raw {auc[0]:.3f} on features {auc[1]:.3f}")
