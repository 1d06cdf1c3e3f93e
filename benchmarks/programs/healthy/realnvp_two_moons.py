"""RealNVP density estimation on two moons (likelihood in nats, lower is better)."""
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
    def __init__(self, nets, nett, masks, prior):
        super().__init__()
        self.prior = prior
        self.register_buffer('mask', masks)
        self.t = nn.ModuleList([nett() for _ in range(len(masks))])
        self.s = nn.ModuleList([nets() for _ in range(len(masks))])

    def log_prob(self, x):
        log_det, z = x.new_zeros(x.shape[0]), x
        for i in reversed(range(len(self.t))):
            z_ = self.mask[i] * z
            s = self.s[i](z_) * (1 - self.mask[i])
            t = self.t[i](z_) * (1 - self.mask[i])
            z = (1 - self.mask[i]) * (z - t) * torch.exp(-s) + z_
            log_det -= s.sum(1)
        return self.prior.log_prob(z) + log_det

    def forward(self, x):
        return -self.log_prob(x).mean()


nets = lambda: nn.Sequential(nn.Linear(2, 48), nn.LeakyReLU(), nn.Linear(48, 48), nn.LeakyReLU(), nn.Linear(48, 2), nn.Tanh())
nett = lambda: nn.Sequential(nn.Linear(2, 48), nn.LeakyReLU(), nn.Linear(48, 48), nn.LeakyReLU(), nn.Linear(48, 2))
masks = torch.from_numpy(np.array([[0, 1], [1, 0]] * 4).astype(np.float32))
prior = distributions.MultivariateNormal(torch.zeros(2), torch.eye(2))
flow = RealNVP(nets, nett, masks, prior)


def sample(n):
    x = make_moons(n_samples=n, noise=.02)[0].astype(np.float32)
    return torch.from_numpy((x - [0.5, 0.25]) / [0.87, 0.5]).float()


heldout = sample(2000)
optimizer = torch.optim.Adam(flow.parameters(), lr=6e-3)
sched = torch.optim.lr_scheduler.MultiStepLR(optimizer, [600, 850], 0.2)
writer = DiagWriter(sys.argv[1])
writer.watch(flow, optimizer)
for t in range(1000):
    loss = flow(sample(256))
    writer.add_loss("train", loss)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    sched.step()
    if (t + 1) % 100 == 0:
        with torch.no_grad(), writer.evaluating("val"):
            v = flow(heldout)
            writer.add_loss("val", v)
        print('iter %s:' % (t + 1), 'loss = %.3f' % loss.item(), 'heldout = %.3f' % v.item())
writer.close()
