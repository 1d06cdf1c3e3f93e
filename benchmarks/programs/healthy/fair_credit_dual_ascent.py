"""Credit scoring under a demographic-parity constraint |gap| <= 0.02 (soft scores), by primal-dual training:
the multiplier is a Parameter updated by gradient *ascent*.  The Lagrangian therefore goes up for a while after the
start (the multiplier grows), and the cross-entropy ends above the unconstrained one.  That is the price of fairness."""
import sys

import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
gen = np.random.default_rng(12)
torch.manual_seed(12)

# ------------------------------------------------------------------ data
n = 8000
group = (gen.random(n) < .35).astype(int)
income = np.exp(gen.normal(10.3 - .25 * group, .5, n))
debt = income * gen.beta(2, 4 - .6 * group, n)
years = gen.gamma(2.2 - .5 * group, 3., n)
late = gen.poisson(.6 + .3 * group)
age = gen.normal(43, 12, n).clip(19, 80)
zip_score = gen.normal(-.9 * group, 1, n)
score = .9 * (np.log(income) - 10.2) - 2.2 * debt / income + .10 * years - .55 * late + .25 * zip_score + .9
y = (gen.random(n) < 1 / (1 + np.exp(-score))).astype(np.float32)
X = np.stack([np.log(income), np.log(debt + 100), debt / income, np.sqrt(years), late, age, zip_score], 1)
X = ((X - X.mean(0)) / X.std(0)).astype(np.float32)
perm = gen.permutation(n)
tr, va = torch.tensor(perm[:6400]), torch.tensor(perm[6400:])
X, y, group = torch.tensor(X), torch.tensor(y), torch.tensor(group)
print("repayment by group:", y[group == 0].mean().item(), y[group == 1].mean().item())


# ------------------------------------------------------------------ model
class Scorer(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(7, 24), nn.ReLU(), nn.Linear(24, 1))

    def forward(self, x):
        return self.net(x).squeeze(1)


class Multiplier(nn.Module):
    def __init__(self):
        super().__init__()
        self.lam = nn.Parameter(torch.zeros(()))


model, dual = Scorer(), Multiplier()
bce = nn.BCEWithLogitsLoss()
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
opt_dual = torch.optim.SGD(dual.parameters(), lr=.1, maximize=True)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt)


def gap(logits, g):
    p = torch.sigmoid(logits)
    return p[g == 0].mean() - p[g == 1].mean()


EPS, EPOCHS, BS = .02, 18, 256
for epoch in range(EPOCHS):
    model.train()
    ce_sum, lag_sum, k = 0., 0., 0
    for b in tr[torch.randperm(len(tr))].split(BS):
        z = model(X[b])
        ce = bce(z, y[b])
        violation = gap(z, group[b]).abs() - EPS
        lagrangian = ce + dual.lam * violation
        opt.zero_grad()
        opt_dual.zero_grad()
        lagrangian.backward()
        opt.step()
        opt_dual.step()
        with torch.no_grad():
            dual.lam.clamp_(min=0)
        writer.add_loss("train", lagrangian)
        ce_sum, lag_sum, k = ce_sum + ce.item(), lag_sum + lagrangian.item(), k + 1
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        z = model(X[va])
        vce, vgap = bce(z, y[va]).item(), gap(z, group[va]).item()
        vlag = vce + dual.lam.item() * (abs(vgap) - EPS)
        writer.add_loss("val", vlag)
    print(f"{epoch:2d} lagrangian {lag_sum / k:.4f} ce {ce_sum / k:.4f} | val lag {vlag:.4f} ce {vce:.4f} gap {vgap:+.4f} | lambda {dual.lam.item():.3f}")
acc = ((z > 0) == (y[va] > .5)).float().mean().item()
writer.close()
print(f"RESULT train_lag {lag_sum / k:.4f} val_lag {vlag:.4f} val_ce {vce:.4f} acc {acc:.4f} gap {vgap:.4f}")
