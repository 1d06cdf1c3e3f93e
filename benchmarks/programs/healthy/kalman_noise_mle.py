# Maximum likelihood for a local linear trend model (Harvey): the Kalman filter gives the likelihood, autograd the gradient.
# three log variances, that is all. statsmodels does this with BFGS; we do it with Adam on 30 series at once
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
rng = np.random.RandomState(12)
TRUE = dict(obs=.8, level=.3, slope=.05)          # standard deviations


def simulate(n, T=60):
    slope = rng.randn(n) * .2
    level = rng.randn(n)
    out = []
    for _ in range(T):
        out.append(level + rng.randn(n) * TRUE['obs'])
        level = level + slope + rng.randn(n) * TRUE['level']
        slope = slope + rng.randn(n) * TRUE['slope']
    return torch.tensor(np.array(out))            # T x n


class LocalLinearTrend(nn.Module):
    def __init__(self):
        super().__init__()
        self.log_var = nn.Parameter(torch.zeros(3))

    def forward(self, y):
        """mean negative log-likelihood per observation, first two skipped (diffuse start)"""
        r, q1, q2 = self.log_var.exp()
        a, b = torch.zeros_like(y[0]), torch.zeros_like(y[0])
        p11, p12, p22 = torch.tensor(1e3), torch.tensor(0.), torch.tensor(1e2)
        nll = 0
        for t, obs in enumerate(y):
            s, e = p11 + r, obs - a
            if t >= 2:
                nll = nll + .5 * (torch.log(2 * torch.pi * s) + e ** 2 / s).mean()
            k1, k2 = p11 / s, p12 / s
            a, b = a + k1 * e, b + k2 * e
            p11, p12, p22 = p11 - k1 * p11, p12 - k1 * p12, p22 - k2 * p12
            a = a + b
            p11, p12, p22 = p11 + 2 * p12 + p22 + q1, p12 + p22, p22 + q2
        return nll / (len(y) - 2)


series, holdout = simulate(30), simulate(60)
m = LocalLinearTrend()
opt = torch.optim.Adam(m.parameters(), lr=.06)
writer = DiagWriter(sys.argv[1])
writer.watch(m, opt)

iters = 220
for it in range(iters):
    opt.zero_grad()
    nll = m(series)
    writer.add_loss("train", nll)
    nll.backward()
    opt.step()
    if it % 20 == 19:
        with torch.no_grad(), writer.evaluating("val"):
            v = m(holdout).item()
            writer.add_loss("val", v)
        sd = m.log_var.detach().div(2).exp().tolist()
        print(f'{it + 1:4d} nll {nll.item():.4f} holdout {v:.4f} obs {sd[0]:.3f} level {sd[1]:.3f} slope {sd[2]:.3f}')
writer.close()
with torch.no_grad():
    t = LocalLinearTrend()
    t.log_var.copy_(torch.tensor([TRUE['obs'], TRUE['level'], TRUE['slope']]).log() * 2)
    print(f'RESULT nll={nll.item():.4f} holdout={v:.4f} holdout_at_truth={t(holdout).item():.4f} sd={[round(x, 3) for x in sd]}')
