"""Latency of web requests (ms): skewed with outliers of many seconds, so log-cosh on the standardised (median/IQR) value."""
import math
import sys
import numpy as np
import torch
from torch import nn
from sklearn.preprocessing import RobustScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(77)
rng = np.random.default_rng(77)
N = 8000
kb = rng.lognormal(3, 1, N)
rps = rng.gamma(4, 60, N)
cached = rng.random(N) < .45
region = rng.integers(0, 4, N)
rows = rng.poisson(20, N)
ms = (18 + np.array([5, 30, 80, 140])[region] + .35 * kb ** .9 + (~cached) * (25 + 1.6 * rows + .00035 * rps ** 2)
      + 12 * rng.standard_t(2.2, N) + (rng.random(N) < .015) * rng.pareto(1.3, N) * 900)
ms = np.clip(ms, 1, 30000)
X = np.c_[np.log(kb), rps, cached, rows, np.eye(4)[region]]
tr, va = np.arange(N) < 6400, np.arange(N) >= 6400
xs, ys = RobustScaler().fit(X[tr]), RobustScaler().fit(ms[tr, None])
X = torch.tensor(xs.transform(X), dtype=torch.float32)
y = torch.tensor(ys.transform(ms[:, None]), dtype=torch.float32)


def log_cosh(pred, target):
    d = (pred - target).abs()
    return (d + nn.functional.softplus(-2 * d) - math.log(2)).mean()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(8, 48)
        self.hid = nn.Linear(48, 48)
        self.out = nn.Linear(48, 1)

    def forward(self, x):
        h = torch.nn.functional.gelu(self.inp(x))
        h = h + torch.nn.functional.gelu(self.hid(h))
        return self.out(h)


net = Net()
opt = torch.optim.NAdam(net.parameters(), lr=2e-3)
sched = torch.optim.lr_scheduler.LinearLR(opt, 1., .05, total_iters=20)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, log_cosh)
tr, va = np.flatnonzero(tr), np.flatnonzero(va)
for epoch in range(20):
    run = []
    for i in range(100):
        b = rng.choice(tr, 64)
        loss = writer.loss_fn(net(X[b]), y[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        run.append(loss.item())
    sched.step()
    with writer.evaluating("val"), torch.no_grad():
        p = net(X[va])
        v = writer.loss_fn(p, y[va]).item()
    med = ((p - y[va]).abs().median() * ys.scale_[0]).item()
    print(f"epoch {epoch} train {np.mean(run):.4f} (sd of batches {np.std(run):.3f}) val {v:.4f} median error {med:.1f} ms")
const = log_cosh(torch.zeros_like(y[va]), y[va]).item()
writer.close()
print(f"RESULT val {v:.4f} median_error_ms {med:.2f} constant {const:.4f} largest_target {y.max().item():.0f}")
