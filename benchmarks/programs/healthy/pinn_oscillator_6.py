"""Physics-informed network for a damped oscillator: ten measured points on the first part of the motion plus the
residual of the differential equation (second derivatives by autograd) with a weight of 1e-4, full batch.
Port of benmoseley/harmonic-oscillator-pinn."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(123)


def oscillator(d, w0, x):
    w = np.sqrt(w0 ** 2 - d ** 2)
    phi = np.arctan(-d / w)
    A = 1 / (2 * np.cos(phi))
    return torch.exp(-d * x) * 2 * A * torch.cos(phi + w * x)


class FCN(nn.Module):
    def __init__(self, N_INPUT, N_OUTPUT, N_HIDDEN, N_LAYERS):
        super().__init__()
        self.fcs = nn.Sequential(nn.Linear(N_INPUT, N_HIDDEN), nn.Tanh())
        self.fch = nn.Sequential(*[nn.Sequential(nn.Linear(N_HIDDEN, N_HIDDEN), nn.Tanh()) for _ in range(N_LAYERS - 1)])
        self.fce = nn.Linear(N_HIDDEN, N_OUTPUT)

    def forward(self, x):
        return self.fce(self.fch(self.fcs(x)))


d, w0 = 2, 20
mu, k = 2 * d, w0 ** 2
x = torch.linspace(0, 1, 500).view(-1, 1)
y = oscillator(d, w0, x).view(-1, 1)
x_data, y_data = x[0:200:20], y[0:200:20]
x_physics = torch.linspace(0, 1, 30).view(-1, 1).requires_grad_(True)

model = FCN(1, 1, 32, 3)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
steps = 8000
for i in range(steps):
    optimizer.zero_grad()
    loss1 = torch.mean((model(x_data) - y_data) ** 2)
    yhp = model(x_physics)
    dx = torch.autograd.grad(yhp, x_physics, torch.ones_like(yhp), create_graph=True)[0]
    dx2 = torch.autograd.grad(dx, x_physics, torch.ones_like(dx), create_graph=True)[0]
    physics = dx2 + mu * dx + k * yhp
    loss2 = 1e-4 * torch.mean(physics ** 2)
    loss = loss1 + loss2
    loss.backward()
    optimizer.step()
    writer.add_loss("train", loss)
    if (i + 1) % 800 == 0:
        with torch.no_grad():
            err = torch.mean((model(x) - y) ** 2)
        print(f"step {i + 1} loss {loss.item():.3e} data {loss1.item():.3e} physics {loss2.item():.3e} error against the exact solution {err.item():.3e}")
writer.close()
