"""RealNVP on two moons (senya-ashukha's notebook): six affine couplings, Adam, density only."""
import sys
import numpy as np
import torch
from torch import nn, distributions
from sklearn.datasets import make_moons
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)


class RealNVP(nn.Module):
    def __init__(self, nets, nett, mask, prior):
        super().__init__()
        self.prior = prior
        self.mask = nn.Parameter(mask, requires_grad=False)
        self.t = torch.nn.ModuleList([nett() for _ in range(len(mask))])
        self.s = torch.nn.ModuleList([nets() for _ in range(len(mask))])

    def f(self, x):
        log_det_J, z = x.new_zeros(x.shape[0]), x
        for i in reversed(range(len(self.t))):
            z_ = self.mask[i] * z
            s = self.s[i](z_) * (1 - self.mask[i])
            t = self.t[i](z_) * (1 - self.mask[i])
            z = (1 - self.mask[i]) * (z - t) * torch.exp(-s) + z_
            log_det_J -= s.sum(dim=1)
        return z, log_det_J

    def log_prob(self, x):
        z, logp = self.f(x)
        return self.prior.log_prob(z) + logp

    def forward(self, x):
        return self.log_prob(x)


nets = lambda: nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(), nn.Linear(64, 64), nn.LeakyReLU(), nn.Linear(64, 2), nn.Tanh())
nett = lambda: nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(), nn.Linear(64, 64), nn.LeakyReLU(), nn.Linear(64, 2))
masks = torch.from_numpy(np.array([[0, 1], [1, 0]] * 3).astype(np.float32))
prior = distributions.MultivariateNormal(torch.zeros(2), torch.eye(2))
flow = RealNVP(nets, nett, masks, prior)
optimizer = torch.optim.Adam([p for p in flow.parameters() if p.requires_grad], lr=1.5e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(flow, optimizer)
held_out = torch.from_numpy(make_moons(n_samples=2000, noise=0.05, random_state=9)[0].astype(np.float32))
for t in range(1501):
    noisy_moons = make_moons(n_samples=100, noise=0.05)[0].astype(np.float32)
    loss = -flow(torch.from_numpy(noisy_moons)).mean()
    writer.add_loss("train", loss)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if t % 500 == 0:
        with writer.evaluating("test"):
            test = -flow(held_out).mean()
            writer.add_loss("test", test)
print(f"RESULT nll train {loss.item():.3f} test {test.item():.3f}")
writer.close()
