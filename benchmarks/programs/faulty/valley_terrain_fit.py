"""Fit a river's terrain height over (x, y): a smooth simulated valley with a meandering bed and two hills.
usage: faulty|fixed logdir"""
import sys

import numpy as np
import torch
import torch.nn as nn

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(17)
HIDDEN = 4 if sys.argv[1] == "faulty" else 64

rng = np.random.default_rng(17)
xy = rng.uniform(-1, 1, (5000, 2))
x, y = xy.T
bed = 0.35 * np.sin(4 * x)
z = 1 - 1.2 * np.exp(-18 * (y - bed) ** 2) + 0.8 * np.exp(-9 * ((x - .5) ** 2 + (y - .7) ** 2)) + 0.6 * np.exp(-9 * ((x + .6) ** 2 + (y + .6) ** 2))
z += 0.03 * rng.normal(size=len(z))
z = (z - z.mean()) / z.std()
xy = torch.tensor(xy / 0.577, dtype=torch.float32)
z = torch.tensor(z[:, None], dtype=torch.float32)
train, held = slice(0, 4000), slice(4000, 5000)


class Terrain(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.a = nn.Linear(2, hidden)
        self.b = nn.Linear(hidden, hidden)
        self.c = nn.Linear(hidden, 1)

    def forward(self, p):
        return self.c(torch.tanh(self.b(torch.tanh(self.a(p)))))


model = Terrain(HIDDEN)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 25, gamma=0.3)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, mse)
for epoch in range(60):
    model.train()
    ep = 0.0
    for k in torch.randperm(4000).split(64):
        optimizer.zero_grad()
        loss = mse(model(xy[train][k]), z[train][k])
        loss.backward()
        optimizer.step()
        ep += loss.item() * len(k) / 4000
    scheduler.step()
    with writer.evaluating("val"):
        v = mse(model(xy[held]), z[held]).item()
    if epoch % 10 == 9:
        print("epoch", epoch + 1, "train mse", round(ep, 4), "held-out mse", round(v, 4))
writer.close()
print("RESULT val_mse", round(v, 4), "r2", round(1 - v, 4))
