"""Monotone network: the response may only rise with the dose, so weights from the dose go through softplus (custom layer);
covariates are free.  Binary responses, 3 000 animals."""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(21)


class MonotoneLinear(nn.Module):
    """Linear with non-negative weights."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.raw = nn.Parameter(torch.randn(n_out, n_in) - 1.5)
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        return F.linear(x, F.softplus(self.raw), self.bias)


class DoseNet(nn.Module):
    def __init__(self, covariates, width=16):
        super().__init__()
        self.free = nn.Sequential(nn.Linear(covariates, width), nn.Tanh(), nn.Linear(width, width))
        self.dose1 = MonotoneLinear(1, width)
        self.mono2 = MonotoneLinear(width, width)
        self.mono3 = MonotoneLinear(width, 1)

    def forward(self, dose, z):
        h = torch.tanh(self.dose1(dose) + self.free(z))
        h = torch.tanh(self.mono2(h))
        return self.mono3(h) - 4.


n = 3000
z = torch.randn(n, 4)
z[:, 1] = .6 * z[:, 0] + .8 * z[:, 1]
dose = torch.rand(n, 1) * 4 - 2                        # log10 mg/kg, centred
ed50 = .5 * z[:, :1] - .3 * z[:, 2:3] * (z[:, 3:] > 0)
p = .04 + .9 * torch.sigmoid(3 * (dose - ed50))
resp = torch.bernoulli(p)
tr, va = slice(0, 2400), slice(2400, None)

net = DoseNet(4)
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
lossf = nn.BCEWithLogitsLoss()
wr = DiagWriter(sys.argv[1])
wr.watch(net, opt, lossf)
best, since = 9., 0
for epoch in range(40):
    for b in torch.randperm(2400).split(40):
        opt.zero_grad()
        loss = lossf(net(dose[b], z[b]), resp[b])
        loss.backward()
        opt.step()
    with wr.evaluating("val"), torch.no_grad():
        v = lossf(net(dose[va], z[va]), resp[va]).item()
    if epoch % 5 == 4:
        print("epoch", epoch, "val", round(v, 4))
    if v < best - 1e-4:
        best, since = v, 0
    else:
        since += 1
    if since == 8:
        break
with torch.no_grad():
    grid = torch.linspace(-2, 2, 50)[:, None]
    curve = torch.sigmoid(net(grid, torch.zeros(50, 4))).squeeze()
oracle = F.binary_cross_entropy(p[va], resp[va]).item()
wr.close()
print(f"RESULT epochs {epoch + 1} val {v:.4f} best {best:.4f} oracle {oracle:.4f} monotone {bool((curve.diff() >= 0).all())}")
