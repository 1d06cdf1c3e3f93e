"""Deep Sets: value of a bag of coins (2 to 8 coins) from their induction signatures. L1 loss on the plain value, which goes up to 200.
Bags are drawn on the fly, an epoch is just 250 steps."""
import sys
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(5)

# ten kinds of coins, each with its own induction signature; worn coins give weaker signals
VALUES = torch.tensor([1., 2., 5., 10., 20., 3., 4., 8., 15., 25.])
SIGNATURE = torch.randn(10, 32)
MAX = 8


def bags(n):
    size = torch.randint(2, MAX + 1, (n,))
    kind = torch.randint(10, (n, MAX))
    mask = (torch.arange(MAX)[None] < size[:, None]).float()
    wear = 0.7 + 0.5 * torch.rand(n, MAX, 1)
    x = wear * SIGNATURE[kind] + 0.6 * torch.randn(n, MAX, 32)
    return x, mask, (VALUES[kind] * mask).sum(1)


class CoinSum(nn.Module):
    def __init__(self):
        super().__init__()
        self.phi = nn.Sequential(nn.Linear(32, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 16))
        self.rho = nn.Linear(16, 1)

    def forward(self, x, mask):
        z = (self.phi(x) * mask.unsqueeze(-1)).sum(1)     # sum, never mean: the size of the set matters
        return self.rho(z).squeeze(-1)


net = CoinSum()
steps_per_epoch, epochs = 250, 20
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=1e-2, total_steps=steps_per_epoch * epochs)
crit = nn.L1Loss()
test = bags(4000)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, crit)
for ep in range(epochs):
    net.train()
    tot = 0
    for _ in range(steps_per_epoch):
        x, m, t = bags(64)
        loss = crit(net(x, m), t)
        opt.zero_grad(); loss.backward(); opt.step(); sched.step()
        tot += loss.item()
    with writer.evaluating("val"):
        out = net(test[0], test[1])
        val = crit(out, test[2])
    print(f"epoch {ep:2d}  mae {tot / steps_per_epoch:.3f}  test mae {val.item():.4f}  exact {((out.round() == test[2]).float().mean()).item():.3f}")
writer.close()
