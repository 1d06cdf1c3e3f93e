# Prophet's model (piecewise linear trend with Laplace prior on the changes, Fourier seasonality) as a MAP estimate with L-BFGS.
# Linear in its parameters; no batches, ~ 30 optimizer steps of 20 iterations, as Stan does it.
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
rng = np.random.default_rng(6)

ds = pd.date_range('2018-01-01', periods=1100)
d = np.arange(1100)
level = 8 + .004 * d - .007 * np.maximum(d - 420, 0) + .006 * np.maximum(d - 800, 0)
y = level + .6 * np.sin(2 * np.pi * (d - 30) / 365.25) + .25 * np.cos(4 * np.pi * d / 365.25) + np.array([.3, .2, .1, 0, .05, -.5, -.6])[d % 7] \
    + rng.normal(0, .35, 1100)
y[rng.random(1100) < .01] += 2
df = pd.DataFrame(dict(ds=ds, y=y))
holdout = rng.random(1100) < .2                     # random days are kept back (interpolation, no forecast)

t = torch.tensor(d / d.max())
scale = df.y.abs().max()
ys = torch.tensor(df.y.values / scale)
s = torch.linspace(0, .8, 26)[1:]


def fourier(period, K):
    a = 2 * np.pi * torch.arange(1, K + 1) * torch.tensor(d)[:, None] / period
    return torch.cat([a.sin(), a.cos()], 1)


S = torch.cat([fourier(365.25, 10), fourier(7, 3)], 1)
A = torch.relu(t[:, None] - s)


class Prophet(nn.Module):
    def __init__(self):
        super().__init__()
        self.k, self.m = nn.Parameter(torch.tensor(0.)), nn.Parameter(ys[0].clone())
        self.delta = nn.Parameter(torch.zeros(len(s)))
        self.beta = nn.Parameter(torch.zeros(S.shape[1]))
        self.log_sigma = nn.Parameter(torch.tensor(0.))

    def forward(self, idx):
        return self.m + self.k * t[idx] + A[idx] @ self.delta + S[idx] @ self.beta

    def neg_log_posterior(self, idx, tau=.05):
        sig = self.log_sigma.exp()
        nll = (.5 * ((ys[idx] - self(idx)) / sig) ** 2 + self.log_sigma).sum()
        prior = torch.sqrt(self.delta ** 2 + 1e-8).sum() / tau + .5 * (self.beta / 10) .pow(2).sum() + .5 * (self.k / 5) ** 2 + .5 * (self.m / 5) ** 2 \
            + .5 * (sig / .5) ** 2
        return (nll + prior) / len(idx)


tr, va = np.flatnonzero(~holdout), np.flatnonzero(holdout)
model = Prophet()
optimizer = torch.optim.LBFGS(model.parameters(), lr=1, max_iter=8, history_size=20, line_search_fn='strong_wolfe')
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)


def closure():
    optimizer.zero_grad()
    loss = model.neg_log_posterior(tr)
    loss.backward()
    return loss


N_STEPS = 60
for i in range(N_STEPS):
    loss = optimizer.step(closure)
    writer.add_loss("train", loss)
    if i % 5 == 4:
        with torch.no_grad(), writer.evaluating("val"):
            r = (ys[va] - model(va)) / model.log_sigma.exp()
            v = (.5 * r ** 2 + model.log_sigma).mean().item()
            writer.add_loss("val", v)
        print(f'{i + 1:3d} -log posterior / n {loss.item():.5f}  holdout {v:.5f}  sigma {model.log_sigma.exp().item() * scale:.3f}')
writer.close()
rmse = ((ys[va] - model(va)).detach().pow(2).mean().sqrt() * scale).item()
print(f'RESULT train={loss.item():.5f} holdout_nll={v:.5f} rmse={rmse:.4f} noise_sd={np.sqrt(.35 ** 2 + .04):.4f}')
