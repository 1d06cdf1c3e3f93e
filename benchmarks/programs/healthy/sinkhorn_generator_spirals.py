# Sinkhorn divergence generator (Genevay, Peyre, Cuturi 2018): no discriminator, the entropic OT cost between a batch of
# samples and a batch of data is differentiated through its dual potentials.
# Two batches from the same distribution have a positive divergence too: the loss has a floor well above zero.
import math
import sys
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(14)
EPS = .05


def data(n):
    arm = torch.randint(0, 3, (n,))
    t = torch.rand(n).sqrt()
    ang = 2.6 * t + arm * 2 * math.pi / 3
    return torch.stack([t * ang.cos(), t * ang.sin()], 1) * 1.6 + .05 * torch.randn(n, 2)


@torch.no_grad()
def potentials(c, iters=25):
    n, m = c.shape
    f, g = torch.zeros(n), torch.zeros(m)
    for _ in range(iters):
        f = .5 * f - .5 * EPS * torch.logsumexp((g[None] - c) / EPS - math.log(m), 1)
        g = .5 * g - .5 * EPS * torch.logsumexp((f[:, None] - c) / EPS - math.log(n), 0)
    return f, g


def ot(x, y):
    c = .5 * torch.cdist(x, y) ** 2
    f, g = potentials(c.detach())
    # envelope theorem: with optimal potentials the plan is fixed, the gradient goes through the cost only
    with torch.no_grad():
        p = torch.exp((f[:, None] + g[None] - c) / EPS) / c.numel()
        p = p / p.sum()
        value = f.mean() + g.mean()
    lin = (p * c).sum()
    return value + lin - lin.detach()


def sinkhorn_divergence(x, y):
    return ot(x, y) - .5 * ot(x, x) - .5 * ot(y, y)


class Generator(nn.Module):
    def __init__(self, zdim=4, h=64):
        super().__init__()
        self.zdim = zdim
        self.net = nn.Sequential(nn.Linear(zdim, h), nn.LeakyReLU(.1), nn.Linear(h, h), nn.LeakyReLU(.1),
                                 nn.Linear(h, h), nn.LeakyReLU(.1), nn.Linear(h, 2))

    def forward(self, n):
        return self.net(torch.rand(n, self.zdim) * 2 - 1)


gen = Generator()
opt = torch.optim.Adam(gen.parameters(), lr=3e-3, betas=(.5, .99))
ITERS = 400
sched = torch.optim.lr_scheduler.OneCycleLR(opt, 3e-3, total_steps=ITERS, pct_start=.1)
writer = DiagWriter(sys.argv[1])
writer.watch(gen, opt, sinkhorn_divergence)
B = 96
ema = None
for it in range(1, ITERS + 1):
    loss = writer.loss_fn(gen(B), data(B))
    opt.zero_grad()
    loss.backward()
    opt.step()
    sched.step()
    ema = loss.item() if ema is None else .95 * ema + .05 * loss.item()
    if it % 50 == 0:
        gen.eval()
        with torch.no_grad(), writer.evaluating("val"):
            v = writer.loss_fn(gen(400), data(400)).item()
        gen.train()
        print(f"iter {it:4d}  S_eps {ema:.5f}  large sample {v:.5f}")
with torch.no_grad():
    floor_b = sum(sinkhorn_divergence(data(B), data(B)).item() for _ in range(10)) / 10
    floor_v = sum(sinkhorn_divergence(data(400), data(400)).item() for _ in range(3)) / 3
writer.close()
print(f"RESULT train {ema:.5f} (floor at this batch {floor_b:.5f}) val {v:.5f} (floor {floor_v:.5f})")
