"""Canopy cover of forest plots (a fraction in 0..1) by beta regression: mean and precision from a small net.

Plots are simulated (six indices from a satellite scene). The loss is a density's NLL and ends below zero."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter


def plots(n, rng):
    x = rng.normal(size=(n, 6))
    mean = 1 / (1 + np.exp(-(0.3 + 0.9 * x[:, 0] - 0.6 * x[:, 1] + 0.5 * np.sin(2 * x[:, 2]))))
    phi = np.exp(2.3 + 0.7 * x[:, 3])
    y = rng.beta(mean * phi, (1 - mean) * phi).clip(1e-4, 1 - 1e-4)
    return [torch.tensor(v, dtype=torch.float32) for v in (x, y, mean, phi)]


class BetaNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(6, 48), nn.ELU(), nn.Linear(48, 48), nn.ELU())
        self.mean = nn.Linear(48, 1)
        self.prec = nn.Linear(48, 1)

    def forward(self, x):
        h = self.trunk(x)
        return torch.stack([self.mean(h), self.prec(h)], -1).squeeze(1)


def beta_nll(out, y):
    m = torch.sigmoid(out[:, 0]).clamp(1e-3, 1 - 1e-3)
    phi = nn.functional.softplus(out[:, 1]) + 0.5
    return -torch.distributions.Beta(m * phi, (1 - m) * phi).log_prob(y).mean()


torch.manual_seed(8)
torch.set_num_threads(1)
rng = np.random.default_rng(8)
x, y, _, _ = plots(8000, rng)
xv, yv, mv, pv = plots(3000, rng)
net = BetaNet()
opt = torch.optim.NAdam(net.parameters(), lr=3e-3)
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, factor=0.3, patience=2)
w = DiagWriter(sys.argv[1])
w.watch(net, opt, beta_nll)
for epoch in range(25):
    net.train()
    for a, b in DataLoader(TensorDataset(x, y), 100, shuffle=True):
        opt.zero_grad()
        loss = w.loss_fn(net(a), b)
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad(), w.evaluating("val"):
        v = w.loss_fn(net(xv), yv).item()
    plateau.step(v)
    w.add_scalar("lr", opt.param_groups[0]["lr"], epoch)
    if epoch % 3 == 0:
        print(epoch, round(loss.item(), 4), round(v, 4), opt.param_groups[0]["lr"])
w.close()
best = -torch.distributions.Beta(mv * pv, (1 - mv) * pv).log_prob(yv).mean().item()
mm, vv = y.mean(), y.var()
ph = mm * (1 - mm) / vv - 1
const = -torch.distributions.Beta(mm * ph, (1 - mm) * ph).log_prob(yv).mean().item()
print("RESULT val_nll", round(v, 4), "truth", round(best, 4), "one_beta_for_all", round(const, 4))
