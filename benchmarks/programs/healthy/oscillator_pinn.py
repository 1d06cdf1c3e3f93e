"""Physics-informed network for the damped harmonic oscillator (harmonic-oscillator-pinn notebook)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def oscillator(d, w0, x):
    w = np.sqrt(w0 ** 2 - d ** 2)
    phi = np.arctan(-d / w)
    A = 1 / (2 * np.cos(phi))
    return torch.exp(-d * x) * 2 * A * torch.cos(phi + w * x)


class FCN(nn.Module):
    "Defines a connected network"

    def __init__(self, N_INPUT, N_OUTPUT, N_HIDDEN, N_LAYERS):
        super().__init__()
        activation = nn.Tanh
        self.fcs = nn.Sequential(*[nn.Linear(N_INPUT, N_HIDDEN), activation()])
        self.fch = nn.Sequential(*[nn.Sequential(*[nn.Linear(N_HIDDEN, N_HIDDEN), activation()]) for _ in range(N_LAYERS - 1)])
        self.fce = nn.Linear(N_HIDDEN, N_OUTPUT)

    def forward(self, x):
        return self.fce(self.fch(self.fcs(x)))


d, w0 = 2, 12
x = torch.linspace(0, 1, 500).view(-1, 1)
y = oscillator(d, w0, x).view(-1, 1)
x_data, y_data = x[0:200:20], y[0:200:20]
x_physics = torch.linspace(0, 1, 30).view(-1, 1).requires_grad_(True)
mu, k = 2 * d, w0 ** 2

torch.manual_seed(123)
model = FCN(1, 1, 32, 3)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
for i in range(5000):
    optimizer.zero_grad()

    # compute the "data loss"
    yh = model(x_data)
    loss1 = torch.mean((yh - y_data) ** 2)

    # compute the "physics loss"
    yhp = model(x_physics)
    dx = torch.autograd.grad(yhp, x_physics, torch.ones_like(yhp), create_graph=True)[0]
    dx2 = torch.autograd.grad(dx, x_physics, torch.ones_like(dx), create_graph=True)[0]
    physics = dx2 + mu * dx + k * yhp
    loss2 = (1e-4) * torch.mean(physics ** 2)

    loss = loss1 + loss2
    writer.add_loss("train", loss)
    loss.backward()
    optimizer.step()
    if (i + 1) % 250 == 0:
        with torch.no_grad():
            full = torch.mean((model(x) - y) ** 2).item()
        writer.add_loss("val", full)
        print(f"Training step: {i + 1} data {loss1.item():.6f} physics {loss2.item():.6f} mse to exact {full:.6f}")
writer.close()
