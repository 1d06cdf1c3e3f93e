"""Physics-informed network for the damped oscillator (benmoseley's tutorial): Adam, tanh MLP, boundary and physics losses."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter


def exact_solution(d, w0, t):
    w = np.sqrt(w0**2 - d**2)
    phi = np.arctan(-d / w)
    A = 1 / (2 * np.cos(phi))
    return torch.exp(-d * t) * 2 * A * torch.cos(phi + w * t)


class FCN(nn.Module):
    """Defines a standard fully-connected network in PyTorch"""

    def __init__(self, N_INPUT, N_OUTPUT, N_HIDDEN, N_LAYERS):
        super().__init__()
        activation = nn.Tanh
        self.fcs = nn.Sequential(nn.Linear(N_INPUT, N_HIDDEN), activation())
        self.fch = nn.Sequential(*[nn.Sequential(nn.Linear(N_HIDDEN, N_HIDDEN), activation()) for _ in range(N_LAYERS - 1)])
        self.fce = nn.Linear(N_HIDDEN, N_OUTPUT)

    def forward(self, x):
        return self.fce(self.fch(self.fcs(x)))


torch.set_num_threads(1)
torch.manual_seed(123)
pinn = FCN(1, 1, 32, 3)
t_boundary = torch.tensor(0.0).view(-1, 1).requires_grad_(True)
t_physics = torch.linspace(0, 1, 40).view(-1, 1).requires_grad_(True)
d, w0 = 2, 12
mu, k = 2 * d, w0**2
t_test = torch.linspace(0, 1, 300).view(-1, 1)
u_exact = exact_solution(d, w0, t_test)
steps = 6000
optimiser = torch.optim.Adam(pinn.parameters(), lr=3e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(pinn, optimiser)
for i in range(steps):
    optimiser.zero_grad()
    lambda1, lambda2 = 1e-1, 1e-4
    u = pinn(t_boundary)
    loss1 = (torch.squeeze(u) - 1) ** 2
    dudt = torch.autograd.grad(u, t_boundary, torch.ones_like(u), create_graph=True)[0]
    loss2 = (torch.squeeze(dudt) - 0) ** 2
    u = pinn(t_physics)
    dudt = torch.autograd.grad(u, t_physics, torch.ones_like(u), create_graph=True)[0]
    d2udt2 = torch.autograd.grad(dudt, t_physics, torch.ones_like(dudt), create_graph=True)[0]
    loss3 = torch.mean((d2udt2 + mu * dudt + k * u) ** 2)
    loss = loss1 + lambda1 * loss2 + lambda2 * loss3
    writer.add_loss("train", loss)
    loss.backward()
    optimiser.step()
error = (pinn(t_test) - u_exact).abs().mean().item()
print(f"RESULT loss {loss.item():.2e}, mean error {error:.5f} (mean |u| {u_exact.abs().mean():.3f})")
writer.close()
