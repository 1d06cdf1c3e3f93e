"""Survival of kidney grafts: Cox partial likelihood with a small net, after DeepSurv (simulated transplant registry).

python graft_survival_cox.py faulty|fixed LOGDIR
"""
import sys

import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1], sys.argv[2]
torch.manual_seed(17)
torch.set_num_threads(1)
rng = np.random.default_rng(17)

n = 1800
age = rng.normal(52, 13, n)
donor_age = rng.normal(50, 15, n)
ischemia = rng.gamma(6, 2.2, n)
mismatches = rng.integers(0, 7, n)
dialysis_years = rng.gamma(2, 1.7, n)
bmi = rng.normal(26, 4, n)
pra = rng.beta(0.5, 3, n) * 100
diabetic = (rng.random(n) < 0.25).astype(float)
risk = (0.035 * (donor_age - 50) + 0.05 * (ischemia - 13) + 0.22 * mismatches + 0.012 * pra + 0.5 * diabetic
        + 0.0012 * (age - 45) ** 2 + 0.08 * np.maximum(dialysis_years - 3, 0))
death = rng.weibull(1.3, n) * 14 * np.exp(-risk / 1.3)
cens = rng.uniform(0.5, 12, n)
time, event = np.minimum(death, cens), (death <= cens).astype(np.float32)
X = np.column_stack([age, donor_age, ischemia, mismatches, dialysis_years, bmi, pra, diabetic])
X = (X - X[:1200].mean(0)) / X[:1200].std(0)
X, T, E = (torch.tensor(a, dtype=torch.float32) for a in (X, time, event))


class CoxLoss(nn.Module):
    """negative log partial likelihood (Breslow): the risk set of i is everyone still under observation at t_i"""

    def forward(self, log_hazard, time, event):
        if FORM == "faulty":
            order = torch.argsort(time)
        else:
            order = torch.argsort(time, descending=True)
        lh, ev = log_hazard.view(-1)[order], event[order]
        log_risk = torch.logcumsumexp(lh, dim=0)
        return -((lh - log_risk) * ev).sum() / ev.sum()


def concordance(risk, time, event):
    r, t, e = (np.asarray(a) for a in (risk, time, event))
    before = (t[:, None] < t[None, :]) & (e[:, None] == 1)
    good = (r[:, None] > r[None, :]) & before
    return good.sum() / before.sum()


class DeepSurv(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(d, 32), nn.SELU(), nn.Dropout(0.1), nn.Linear(32, 16), nn.SELU(), nn.Linear(16, 1, bias=False))

    def forward(self, x):
        return self.net(x)


model, loss_fn = DeepSurv(X.shape[1]), CoxLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-4)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, loss_fn)

for epoch in range(40):
    model.train()
    for b in torch.randperm(1200).split(128):
        optimizer.zero_grad()
        loss = loss_fn(model(X[b]), T[b], E[b])
        loss.backward()
        optimizer.step()
    model.eval()
    with writer.evaluating("val"):
        lh = model(X[1200:])
        vl = loss_fn(lh, T[1200:], E[1200:]).item()
    c = concordance(lh.view(-1), T[1200:], E[1200:])
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1} train {loss.item():.3f} val {vl:.3f} c-index {c:.3f}")
writer.close()
print("RESULT c_index", round(float(c), 4))
