import sys

import torch
from torch import nn
from torch.func import jacrev, vmap

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)

# dy/dt = -2 y, y(0) = 1
RATE = 2.0


def actual(t):
    return torch.exp(-RATE * t)


if form == "faulty":
    act = nn.ReLU
else:
    act = nn.Tanh

chain = nn.Sequential(
    nn.Linear(1, 16), act(),
    nn.Linear(16, 16), act(),
    nn.Linear(16, 1),
)
for layer in chain:
    if isinstance(layer, nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)


def derivative(t):
    """diagonal of the jacobian"""
    t = t.clone().requires_grad_(True)
    y = chain(t)
    dy, = torch.autograd.grad(y.sum(), t, create_graph=True)
    return y, dy


def loss_function(t):
    prediction, slope = derivative(t)
    initial_condition_loss = (chain(torch.zeros(1, 1)) - 1).pow(2).mean()
    return (slope + RATE * prediction).pow(2).mean() + initial_condition_loss


ts = torch.arange(0.0, 2.01, 0.1).unsqueeze(1)
between = torch.arange(0.05, 2.0, 0.1).unsqueeze(1)
opt = torch.optim.Adam(chain.parameters(), lr=0.01)

writer = DiagWriter(logdir)
writer.watch(chain, opt)

for epoch in range(1, 2001):
    opt.zero_grad()
    loss = loss_function(ts)
    loss.backward()
    opt.step()
    if epoch % 50 == 0:
        with torch.no_grad():
            error = (chain(between) - actual(between)).pow(2).mean()
            writer.add_loss("val", error)
        if epoch % 200 == 0:
            print(f"{epoch:5d}  residual {loss.item():.3e}  against the solution {error.item():.3e}")

with torch.no_grad():
    worst = (chain(ts) - actual(ts)).abs().max().item()
    table = torch.cat([ts, chain(ts), actual(ts)], 1)[::4]
writer.close()
print("     t      net   exact")
for row in table.tolist():
    print("  ".join(f"{v:6.3f}" for v in row))
print(f"RESULT mse={error.item():.3e} max_error={worst:.4f}")
