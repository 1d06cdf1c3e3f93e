"""About 330 near infrared spectra per class and heavy dropout in a wide net: training loss stays far above the validation loss."""
import sys
import numpy as np
import torch
from torch import nn
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import log_loss
from tb_lossdiag import DiagWriter

rng = np.random.default_rng(5); torch.manual_seed(5); torch.set_num_threads(1)
grid = np.linspace(0, 1, 200)
base = rng.normal(size=(12, 3)); peaks = rng.uniform(0, 1, 12)


def spectra(n):
    y = rng.integers(0, 3, n)
    a = 1 + .25 * base[:, y].T + .5 * rng.normal(size=(n, 12))
    x = a @ np.exp(-(grid - peaks[:, None]) ** 2 / .002) + .15 * rng.normal(size=(n, 1)) * grid + .25 * rng.normal(size=(n, 200))
    return x, y


X, y = spectra(1000); Xv, yv = spectra(1500)
m, s = X.mean(0), X.std(0); X, Xv = (X - m) / s, (Xv - m) / s
f = lambda a: torch.tensor(a, dtype=torch.float32)
xt, yt, xv, yvt = f(X), torch.tensor(y), f(Xv), torch.tensor(yv)
net = nn.Sequential(nn.Dropout(.5), nn.Linear(200, 512), nn.ReLU(), nn.Dropout(.7), nn.Linear(512, 3))
opt = torch.optim.AdamW(net.parameters(), lr=2e-4, weight_decay=.3)
crit = nn.CrossEntropyLoss()
w = DiagWriter(sys.argv[1]); w.watch(net, opt, crit)
EP = 40
for ep in range(EP):
    net.train()
    for g in opt.param_groups: g["lr"] = g.setdefault("base", g["lr"]) * (1 - ep / EP)
    for b in torch.randperm(1000).split(50):
        l = crit(net(xt[b]), yt[b])
        opt.zero_grad(); l.backward(); opt.step()
    with w.evaluating("val"):
        o = net(xv); v = crit(o, yvt).item()
    if ep % 5 == 4: print(ep + 1, round(l.item(), 4), round(v, 4))
w.close()
lr = LogisticRegressionCV(Cs=np.logspace(-5, 0, 11), max_iter=2000).fit(X, y)
print("RESULT val_loss", round(v, 4), "acc", round((o.argmax(1) == yvt).float().mean().item(), 4), "logreg_cv", round(log_loss(yv, lr.predict_proba(Xv)), 4))
