"""PINN for u'' = -pi^2 sin(pi x), u(0)=u(1)=0.  Exact: sin(pi x)."""
import sys
import math
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(0)


class PINN(nn.Module):
    def __init__(self, act, width=32, depth=3):
        super().__init__()
        layers = [nn.Linear(1, width), act()]
        for _ in range(depth - 1):
            layers += [nn.Linear(width, width), act()]
        layers += [nn.Linear(width, 1)]
        self.net = nn.Sequential(*layers)

    def forward(self, x):
        return self.net(x)


def residual(model, x):
    x = x.requires_grad_(True)
    u = model(x)
    du = torch.autograd.grad(u, x, torch.ones_like(u), create_graph=True)[0]
    if not du.requires_grad:
        ddu = torch.zeros_like(du)
    else:
        ddu = torch.autograd.grad(du, x, torch.ones_like(du), create_graph=True, allow_unused=True, materialize_grads=True)[0]
    return ddu + math.pi ** 2 * torch.sin(math.pi * x)


model = PINN(nn.ReLU if mode == "faulty" else nn.Tanh)
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
writer = DiagWriter(logdir)
writer.watch(model, opt)
xb = torch.tensor([[0.0], [1.0]])
for step in range(2500):
    opt.zero_grad()
    x = torch.rand(64, 1)
    loss_pde = residual(model, x).pow(2).mean()
    loss_bc = model(xb).pow(2).mean()
    loss = loss_pde + 20 * loss_bc
    writer.add_loss("train", loss)
    loss.backward()
    opt.step()
    if step % 250 == 249:
        with torch.no_grad():
            xs = torch.linspace(0, 1, 101)[:, None]
            err = (model(xs) - torch.sin(math.pi * xs)).norm() / torch.sin(math.pi * xs).norm()
        print(f"step {step} loss {loss.item():.4f} pde {loss_pde.item():.4f} bc {loss_bc.item():.2e} rel-L2 {err.item():.4f}")
writer.close()
