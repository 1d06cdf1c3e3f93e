"""Assumed density filtering: mean and variance go through every layer. Steering angle from range sensors."""
import sys
import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.parameter import Parameter
from torch.distributions.normal import Normal
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(9)
rng = np.random.default_rng(9)


def keep_variance(x, min_variance=1e-3):
    return x + min_variance


class ADFLinear(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.weight = Parameter(torch.zeros(out_features, in_features))
        self.bias = Parameter(torch.zeros(out_features))
        if sys.argv[1] != "faulty":
            self.reset_parameters()

    def reset_parameters(self):
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        bound = 1 / math.sqrt(self.weight.size(1))
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, mean, variance):
        return F.linear(mean, self.weight, self.bias), keep_variance(F.linear(variance, self.weight ** 2))


class ADFReLU(nn.Module):
    normal = Normal(0., 1.)

    def forward(self, mean, variance):
        std = torch.sqrt(variance)
        div = mean / std
        pdf = torch.exp(-.5 * div ** 2) / math.sqrt(2 * math.pi)
        cdf = .5 * (1 + torch.erf(div / math.sqrt(2)))
        m = mean * cdf + std * pdf
        v = (mean ** 2 + variance) * cdf + mean * std * pdf - m ** 2
        return m, keep_variance(F.relu(v))


class ADFSequential(nn.Module):
    def __init__(self, *mods):
        super().__init__()
        self.mods = nn.ModuleList(mods)

    def forward(self, x, noise_variance=1e-2):
        v = torch.full_like(x, noise_variance)
        for m in self.mods:
            x, v = m(x, v)
        return x.squeeze(-1), v.squeeze(-1)


def drive(n):
    """24 range readings in a bent corridor -> steering"""
    curve, off = rng.normal(0, 1, n), rng.normal(0, .5, n)
    a = np.linspace(-1.2, 1.2, 24)[None]
    r = 1 / (0.35 + np.abs(np.sin(a - .35 * curve[:, None])) + .12 * off[:, None] * np.sin(a)) - 1.1
    r = r + rng.normal(0, .1, r.shape)
    y = np.tanh(.9 * curve - .5 * off) + rng.normal(0, .12, n)
    return torch.tensor(r, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


class SoftmaxHeteroscedasticLoss(nn.Module):
    def forward(self, outputs, target, eps=1e-2):
        mean, var = outputs
        return torch.mean(.5 * (target - mean) ** 2 / (var + eps) + .5 * torch.log(var + eps))


(xt, yt), (xv, yv) = drive(6000), drive(1000)
mu, sd = xt.mean(0), xt.std(0)
xt, xv = (xt - mu) / sd, (xv - mu) / sd
net = ADFSequential(ADFLinear(24, 48), ADFReLU(), ADFLinear(48, 32), ADFReLU(), ADFLinear(32, 1))
criterion = SoftmaxHeteroscedasticLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
lr_scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 5, gamma=.2)
w = DiagWriter(sys.argv[2])
w.watch(net, optimizer, criterion)
for epoch in range(8):
    p = torch.randperm(6000)
    run = []
    for i in range(0, 6000, 60):
        b = p[i:i + 60]
        optimizer.zero_grad()
        loss = criterion(net(xt[b]), yt[b])
        loss.backward()
        optimizer.step()
        run.append(loss.item())
    lr_scheduler.step()
    with torch.no_grad(), w.evaluating("val"):
        out = net(xv)
        vl = criterion(out, yv).item()
    rmse = (out[0] - yv).pow(2).mean().sqrt().item()
    print(f"Epoch {epoch} | train {np.mean(run):.4f} | val {vl:.4f} | rmse {rmse:.4f} | mean predicted std {out[1].sqrt().mean():.3f}", flush=True)
w.close()
print(f"RESULT train_loss={np.mean(run):.4f} val_loss={vl:.4f} val_rmse={rmse:.4f}")
