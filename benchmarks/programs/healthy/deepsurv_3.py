"""DeepSurv: Cox partial likelihood on synthetic survival data with censoring."""
import sys
import numpy as np, pandas as pd, torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0); rng = np.random.default_rng(0)
LR = 1e-3


def simulate(n):
    df = pd.DataFrame(rng.normal(size=(n, 8)), columns=list("abcdefgh"))
    risk = 1.2 * df.a - .8 * df.b + .7 * df.c * df.d + .6 * (df.e ** 2 - 1)
    t = rng.exponential(1 / np.exp(risk)); c = rng.exponential(2.5, n)
    return df.values.astype("float32"), np.minimum(t, c).astype("float32"), (t <= c).astype("float32")


def cox_loss(score, time, event):
    order = torch.argsort(time, descending=True)
    s, e = score[order], event[order]
    return -((s - torch.logcumsumexp(s, 0)) * e).sum() / e.sum().clamp(min=1)


def c_index(score, t, e):
    conc = tot = 0
    for i in np.flatnonzero(e):
        later = t > t[i]
        tot += later.sum(); conc += (score[later] < score[i]).sum()
    return conc / tot


X, t, e = (torch.tensor(a) for a in simulate(2400)); Xv, tv, ev = (torch.tensor(a) for a in simulate(600))
net = nn.Sequential(nn.Linear(8, 48), nn.ReLU(), nn.Dropout(.1), nn.Linear(48, 24), nn.ReLU(), nn.Dropout(.1), nn.Linear(24, 1))
opt = torch.optim.AdamW(net.parameters(), lr=LR, weight_decay=1e-2)
w = DiagWriter(sys.argv[1]); w.watch(net, opt, cox_loss)
for ep in range(30):
    net.train()
    for b in torch.randperm(2400).split(64):
        opt.zero_grad()
        loss = w.loss_fn(net(X[b])[:, 0], t[b], e[b])
        loss.backward(); opt.step()
    with w.evaluating("val"):
        s = net(Xv)[:, 0]
        v = np.mean([w.loss_fn(s[i], tv[i], ev[i]).item() for i in torch.arange(600).split(64)[:9]])
print(f"train {loss.item():.3f} val {v:.3f} c-index {c_index(s.numpy(), tv.numpy(), ev.numpy()):.3f}")
w.close()
