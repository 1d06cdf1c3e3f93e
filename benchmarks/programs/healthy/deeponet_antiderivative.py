"""DeepONet: learn the antiderivative operator, aligned data (after the DeepXDE demo, written by hand in PyTorch)."""
import sys

import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(0)

m = 100
xs = np.linspace(0, 1, m)


def grf(n, length_scale=0.2):
    K = np.exp(-0.5 * (xs[:, None] - xs[None]) ** 2 / length_scale ** 2) + 1e-8 * np.eye(m)
    return rng.standard_normal((n, m)) @ np.linalg.cholesky(K).T


def dataset(n):
    v = grf(n)
    u = np.concatenate([np.zeros((n, 1)), np.cumsum((v[:, 1:] + v[:, :-1]) / 2, 1) / (m - 1)], 1)
    u = u + 0.01 * rng.standard_normal(u.shape)          # sensor noise on the outputs
    return torch.tensor(v, dtype=torch.float32), torch.tensor(u, dtype=torch.float32)


class DeepONetCartesianProd(nn.Module):
    def __init__(self, branch=(100, 40, 40), trunk=(1, 40, 40)):
        super().__init__()
        self.branch = nn.ModuleList(nn.Linear(a, b) for a, b in zip(branch, branch[1:]))
        self.trunk = nn.ModuleList(nn.Linear(a, b) for a, b in zip(trunk, trunk[1:]))
        self.b = nn.Parameter(torch.zeros(1))
        for l in [*self.branch, *self.trunk]:
            nn.init.xavier_normal_(l.weight)
            nn.init.zeros_(l.bias)

    def forward(self, v, x):
        for i, l in enumerate(self.branch):
            v = l(v)
            if i + 1 < len(self.branch):
                v = torch.relu(v)
        for l in self.trunk:
            x = torch.relu(l(x))
        return v @ x.t() + self.b


X_train, y_train = dataset(600)
X_test, y_test = dataset(1000)
grid = torch.tensor(xs, dtype=torch.float32)[:, None]
net = DeepONetCartesianProd()
optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
iterations = 4000
# full batch: the "batch" is the Cartesian product of 600 functions and 100 points
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, iterations)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, mse)

print("Step      Train loss    Test loss     Test metric (mean l2 relative error)")
for step in range(iterations + 1):
    loss = mse(net(X_train, grid), y_train)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    if step % 250 == 0:
        with torch.no_grad():
            p = net(X_test, grid)
            l2 = ((p - y_test).norm(dim=1) / y_test.norm(dim=1)).mean()
        print(f"{step:<9d} [{loss.item():.2e}]    [{((p - y_test) ** 2).mean().item():.2e}]    [{l2.item():.2e}]")
writer.close()
