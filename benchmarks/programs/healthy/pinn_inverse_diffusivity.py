"""Inverse PINN: find the diffusivity from noisy sensors of a rod (DeepXDE 'inverse diffusion' example, raw PyTorch).
   u_t = a u_xx, u(x,0) = sin(pi x) + .4 sin(2 pi x), ends at 0;  a = 0.25 is unknown and learnt with the net."""
import sys
import torch, torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(1234)

A_TRUE, PI = 0.25, torch.pi
exact = lambda x, t: torch.exp(-A_TRUE * PI ** 2 * t) * torch.sin(PI * x) + .4 * torch.exp(-4 * A_TRUE * PI ** 2 * t) * torch.sin(2 * PI * x)

class PINN(nn.Module):
    def __init__(self, layers=(2, 32, 32, 32, 1)):
        super().__init__()
        self.linears = nn.ModuleList([nn.Linear(i, o) for i, o in zip(layers, layers[1:])])
        for l in self.linears:
            nn.init.xavier_normal_(l.weight); nn.init.zeros_(l.bias)
        self.a = nn.Parameter(torch.tensor(1.0))
    def forward(self, x, t):
        h = torch.cat([2 * x - 1, 2 * t - 1], 1)
        for l in self.linears[:-1]:
            h = torch.tanh(l(h))
        return self.linears[-1](h)
    def residual(self, x, t):
        x, t = x.requires_grad_(), t.requires_grad_()
        u = self(x, t)
        g = lambda y, z: torch.autograd.grad(y, z, torch.ones_like(y), create_graph=True)[0]
        return g(u, t) - self.a * g(g(u, x), x)

xs, ts = torch.rand(60, 1), torch.rand(60, 1)
us = exact(xs, ts) + .01 * torch.randn(60, 1)
x0 = torch.linspace(0, 1, 50)[:, None]; t0 = torch.zeros_like(x0); u0 = exact(x0, t0)
tb = torch.rand(40, 1); xb = (torch.arange(40) % 2).float()[:, None]

net = PINN()
opt = torch.optim.Adam(net.parameters(), lr=8e-3)
sched = torch.optim.lr_scheduler.StepLR(opt, 600, .5)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt)
mse = lambda z: (z ** 2).mean()
for it in range(3000):
    xc, tc = torch.rand(256, 1), torch.rand(256, 1)
    opt.zero_grad()
    l_pde, l_data, l_ic, l_bc = mse(net.residual(xc, tc)), mse(net(xs, ts) - us), mse(net(x0, t0) - u0), mse(net(xb, tb))
    loss = l_pde + 10 * (l_data + l_ic + l_bc)
    loss.backward(); opt.step(); sched.step()
    if it % 500 == 499:
        print(it + 1, f"{loss.item():.3e} pde {l_pde.item():.1e} data {l_data.item():.1e} a {net.a.item():.4f}")
writer.close()
X, T = torch.meshgrid(torch.linspace(0, 1, 50), torch.linspace(0, 1, 50), indexing="ij")
with torch.no_grad():
    u = net(X.reshape(-1, 1), T.reshape(-1, 1)); e = exact(X.reshape(-1, 1), T.reshape(-1, 1))
print(f"RESULT loss {loss.item():.3e} a {net.a.item():.4f} (true .25) rel_l2 {((u - e).norm() / e.norm()).item():.4f}")
