"""CycleGAN in two dimensions: unpaired mapping between a ring and a pair of bars. LSGAN losses + 10 x cycle + identity,
image pools of 50, linear lr decay in the second half, as in junyanz' code. Four networks, two optimizers."""
import sys, itertools, random
import numpy as np
import torch
import torch.nn as nn
from scipy.spatial.distance import cdist
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(2); np.random.seed(2); torch.manual_seed(2)


def domain_a(n):
    a = torch.rand(n) * 6.2832
    return torch.stack([a.cos(), a.sin()], 1) + .08 * torch.randn(n, 2)


def domain_b(n):
    side = torch.randint(0, 2, (n,)) * 2. - 1
    return torch.stack([side * .8 + .08 * torch.randn(n), torch.rand(n) * 2 - 1], 1)


def mlp(o):
    return nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(.2), nn.Linear(64, 64), nn.LeakyReLU(.2), nn.Linear(64, o))


class Gen(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = mlp(2)

    def forward(self, x):
        return x + self.f(x)                     # starts near the identity


class Pool:
    def __init__(self, n=50):
        self.n, self.items = n, []

    def query(self, batch):
        out = []
        for x in batch:
            if len(self.items) < self.n:
                self.items.append(x); out.append(x)
            elif random.random() > .5:
                k = random.randrange(self.n)
                out.append(self.items[k]); self.items[k] = x
            else:
                out.append(x)
        return torch.stack(out)


G_A, G_B, D_A, D_B = Gen(), Gen(), mlp(1), mlp(1)
opt_G = torch.optim.Adam(itertools.chain(G_A.parameters(), G_B.parameters()), lr=8e-4, betas=(.5, .999))
opt_D = torch.optim.Adam(itertools.chain(D_A.parameters(), D_B.parameters()), lr=8e-4, betas=(.5, .999))
n_iters = 2000
rule = lambda i: 1. - max(0, i - n_iters // 2) / (n_iters // 2 + 1)
scheds = [torch.optim.lr_scheduler.LambdaLR(o, rule) for o in (opt_G, opt_D)]
gan, l1 = nn.MSELoss(), nn.L1Loss()
writer = DiagWriter(sys.argv[1])
gens, discs = nn.ModuleList([G_A, G_B]), nn.ModuleList([D_A, D_B])
writer.watch(gens, opt_G, name="G")
writer.watch(discs, opt_D, name="D")
pool_A, pool_B = Pool(), Pool()


def energy_distance(x, y):
    x, y = x.numpy(), y.numpy()
    return 2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean()


@torch.no_grad()
def report():
    a, b = domain_a(600), domain_b(600)
    return energy_distance(G_A(a), domain_b(600)), energy_distance(G_B(b), domain_a(600)), l1(G_B(G_A(a)), a).item()


print('before: %.4f %.4f cycle %.4f' % report())
for i in range(n_iters):
    real_A, real_B = domain_a(64), domain_b(64)
    fake_B, fake_A = G_A(real_A), G_B(real_B)
    discs.requires_grad_(False)
    pA, pB = D_A(fake_B), D_B(fake_A)
    loss_cycle = l1(G_B(fake_B), real_A) + l1(G_A(fake_A), real_B)
    loss_idt = l1(G_A(real_B), real_B) + l1(G_B(real_A), real_A)
    loss_G = gan(pA, torch.ones_like(pA)) + gan(pB, torch.ones_like(pB)) + 3 * loss_cycle + .5 * loss_idt
    writer.add_loss("train", loss_G)
    opt_G.zero_grad()
    loss_G.backward()
    opt_G.step()
    discs.requires_grad_(True)
    opt_D.zero_grad()
    for D, real, fake, pool in ((D_A, real_B, fake_B, pool_B), (D_B, real_A, fake_A, pool_A)):
        r, f = D(real), D(pool.query(fake.detach()))
        loss_D = .5 * (gan(r, torch.ones_like(r)) + gan(f, torch.zeros_like(f)))
        loss_D.backward()
    opt_D.step()
    for s in scheds:
        s.step()
    if i % 250 == 249:
        print(f'{i + 1} G {loss_G.item():.3f} D {loss_D.item():.3f} cycle {loss_cycle.item():.4f}  energy distances A>B %.4f B>A %.4f cycle %.4f' % report())
r = report()
writer.close()
print('RESULT energy_A2B=%.4f energy_B2A=%.4f cycle_l1=%.4f' % r)
