"""Stochastic gradient Langevin dynamics (Welling & Teh 2011) on the diabetes data.

We do not look for one good weight vector here, we sample from the posterior: every update adds Gaussian noise whose
variance is twice the step size.  Predictions are averaged over the samples taken after burn-in.
"""
import sys
import math
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes
from torch.optim import Optimizer
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
np.random.seed(3)


class SGLD(Optimizer):
    """w <- w - eps/2 * N * grad(mean loss + prior/N) + N(0, eps)"""

    def __init__(self, params, lr, n_data, prior_prec=1.0):
        super().__init__(params, dict(lr=lr, n_data=n_data, prior_prec=prior_prec))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            eps, N, tau = group["lr"], group["n_data"], group["prior_prec"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                drift = N * p.grad + tau * p
                p.add_(drift, alpha=-0.5 * eps)
                p.add_(torch.randn_like(p), alpha=math.sqrt(eps))


class GaussNLL(nn.Module):
    """Negative log likelihood with a known noise level."""

    def __init__(self, sigma):
        super().__init__()
        self.sigma = sigma

    def forward(self, mu, y):
        return 0.5 * ((mu - y) / self.sigma).pow(2).mean() + math.log(self.sigma) + 0.5 * math.log(2 * math.pi)


X, y = load_diabetes(return_X_y=True)
perm = np.random.permutation(len(X))
X, y = X[perm].astype("float32"), y[perm].astype("float32")
X = X / X[:331].std(0)
m, s = y[:331].mean(), y[:331].std()
y = (y - m) / s
xtr, ytr = torch.tensor(X[:331]), torch.tensor(y[:331])[:, None]
xva, yva = torch.tensor(X[331:]), torch.tensor(y[331:])[:, None]
loader = DataLoader(TensorDataset(xtr, ytr), batch_size=64, shuffle=True, drop_last=True)

net = nn.Sequential(nn.Linear(10, 24), nn.Tanh(), nn.Linear(24, 1))
eps = 1e-3
sampler = SGLD(net.parameters(), lr=eps, n_data=len(xtr), prior_prec=8.0)
criterion = GaussNLL(sigma=0.7)

writer = DiagWriter(sys.argv[1])
writer.watch(net, sampler, criterion)

epochs, burn_in = 400, 80
pred_sum, taken = torch.zeros_like(yva), 0
for epoch in range(epochs):
    net.train()
    tot = 0.0
    for xb, yb in loader:
        sampler.zero_grad()
        loss = criterion(net(xb), yb)
        loss.backward()
        sampler.step()
        tot += loss.item()
    if epoch % 5 == 4:
        net.eval()
        with torch.no_grad(), writer.evaluating("val"):
            out = net(xva)
            vl = criterion(out, yva).item()
        if epoch >= burn_in:
            pred_sum += out
            taken += 1
    if epoch % 100 == 99:
        print(f"epoch {epoch + 1}: U/N {tot / len(loader):.4f}  val (one sample) {vl:.4f}  samples {taken}")

avg = pred_sum / taken
r2 = 1 - ((avg - yva) ** 2).mean() / yva.var(unbiased=False)
last = 1 - ((out - yva) ** 2).mean() / yva.var(unbiased=False)
writer.close()
print(f"RESULT val_nll_posterior_mean={criterion(avg, yva).item():.4f} last_sample={vl:.4f} r2={r2:.3f} r2_last_sample={last:.3f}")
