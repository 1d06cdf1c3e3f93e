# Inverse problem with a PINN: find damping and stiffness of an oscillator from noisy observations
# (benmoseley's harmonic-oscillator-pinn-workshop, task 2: unknown mu is a trainable parameter; here k is unknown too)
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(123)


class FCN(nn.Module):
    "Defines a standard fully-connected network in PyTorch"
    def __init__(self, N_INPUT, N_OUTPUT, N_HIDDEN, N_LAYERS):
        super().__init__()
        activation = nn.Tanh
        self.fcs = nn.Sequential(nn.Linear(N_INPUT, N_HIDDEN), activation())
        self.fch = nn.Sequential(*[nn.Sequential(nn.Linear(N_HIDDEN, N_HIDDEN), activation()) for _ in range(N_LAYERS - 1)])
        self.fce = nn.Linear(N_HIDDEN, N_OUTPUT)
        # to be found; start at 0.5 and 1
        self.mu = nn.Parameter(torch.tensor(0.5))
        self.k = nn.Parameter(torch.tensor(1.0))

    def forward(self, x):
        return self.fce(self.fch(self.fcs(x)))


def exact_solution(d, w0, t):
    w = np.sqrt(w0 ** 2 - d ** 2)
    phi = np.arctan(-d / w)
    A = 1 / (2 * np.cos(phi))
    return torch.exp(-d * t) * 2 * A * torch.cos(phi + w * t)


d, w0 = 0.2, 2.0            # mu = 2 d = 0.4, k = w0^2 = 4
t_obs = 6 * torch.rand(60).view(-1, 1)
u_obs = exact_solution(d, w0, t_obs) + 0.04 * torch.randn_like(t_obs)
t_physics = torch.linspace(0, 6, 64).view(-1, 1).requires_grad_(True)
t_test = torch.linspace(0, 6, 300).view(-1, 1)
u_exact = exact_solution(d, w0, t_test)

pinn = FCN(1, 1, 32, 3)
STEPS = 3500
optimiser = torch.optim.Adam(pinn.parameters(), lr=1e-2)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
lambda1 = 20
writer = DiagWriter(sys.argv[1])
writer.watch(pinn, optimiser)

for i in range(STEPS):
    optimiser.zero_grad()
    # physics loss
    u = pinn(t_physics)
    dudt = torch.autograd.grad(u, t_physics, torch.ones_like(u), create_graph=True)[0]
    d2udt2 = torch.autograd.grad(dudt, t_physics, torch.ones_like(dudt), create_graph=True)[0]
    loss1 = torch.mean((d2udt2 + pinn.mu * dudt + pinn.k * u) ** 2)
    # data loss
    loss2 = torch.mean((pinn(t_obs) - u_obs) ** 2)
    loss = loss1 + lambda1 * loss2
    writer.add_loss("train", loss)
    loss.backward()
    optimiser.step()
    scheduler.step()
    if (i + 1) % 500 == 0:
        print(f"{i + 1} physics {loss1.item():.5f} data {loss2.item():.5f} mu {pinn.mu.item():.3f} k {pinn.k.item():.3f}")
writer.close()
with torch.no_grad():
    err = ((pinn(t_test) - u_exact) ** 2).mean().sqrt().item()
print(f"RESULT loss {loss.item():.5f} (noise floor {lambda1 * 0.0016:.4f}) mu {pinn.mu.item():.3f} (0.4) k {pinn.k.item():.3f} (4.0) rmse to truth {err:.4f}")
