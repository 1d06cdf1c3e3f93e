# Deep Ritz method (E & Yu 2018): minimise the Dirichlet energy of -lap u = f on the unit square, u = 0 on the boundary by construction.
# The loss is an energy: it goes to a NEGATIVE minimum (-pi^2/4 for u = sin(pi x) sin(pi y)) and is a noisy Monte Carlo estimate.
import sys
import math
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


class Block(nn.Module):
    def __init__(self, m):
        super().__init__()
        self.a, self.b = nn.Linear(m, m), nn.Linear(m, m)

    def forward(self, x):
        return torch.tanh(self.b(torch.tanh(self.a(x)))) + x


class RitzNet(nn.Module):
    def __init__(self, m=24):
        super().__init__()
        self.inp = nn.Linear(2, m)
        self.blocks = nn.Sequential(Block(m), Block(m))
        self.out = nn.Linear(m, 1)

    def forward(self, p):
        x, y = p[:, :1], p[:, 1:]
        return x * (1 - x) * y * (1 - y) * 4 * self.out(self.blocks(self.inp(p * 2 - 1)))


def f(p):
    return 2 * math.pi ** 2 * torch.sin(math.pi * p[:, :1]) * torch.sin(math.pi * p[:, 1:])


def energy(model, n):
    p = torch.rand(n, 2, requires_grad=True)
    u = model(p)
    du, = torch.autograd.grad(u.sum(), p, create_graph=True)
    return (.5 * (du ** 2).sum(1, keepdim=True) - f(p) * u).mean()


net = RitzNet()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
sched = torch.optim.lr_scheduler.StepLR(opt, 600, .3)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt)
g = torch.linspace(0, 1, 41)
grid = torch.stack(torch.meshgrid(g, g, indexing="ij"), -1).reshape(-1, 2)
exact = torch.sin(math.pi * grid[:, :1]) * torch.sin(math.pi * grid[:, 1:])
for it in range(1, 2001):
    loss = energy(net, 512)
    opt.zero_grad()
    loss.backward()
    opt.step()
    sched.step()
    writer.add_loss("train", loss)
    if it % 200 == 0:
        with torch.no_grad():
            err = ((net(grid) - exact).norm() / exact.norm()).item()
        print(f"iteration {it} energy {loss.item():.4f} (exact {-math.pi ** 2 / 4:.4f}) relative L2 error {err:.2e}")
writer.close()
print(f"RESULT energy={loss.item():.4f} rel_l2={err:.5f}")
