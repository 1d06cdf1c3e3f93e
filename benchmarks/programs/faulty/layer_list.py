"""List of nn.Module in a nn.Module: hidden layers kept in a python list (PyTorch forum thread, port)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(1)
rng = np.random.RandomState(1)


class FeedForward(nn.Module):
    def __init__(self, n_in, n_hidden, n_layers):
        super(FeedForward, self).__init__()
        sizes = [n_in] + [n_hidden] * n_layers
        layers = [nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:])]
        self.layers = nn.ModuleList(layers) if mode == "fixed" else layers
        self.regressor = nn.Linear(n_hidden, 1)

    def forward(self, x):
        for layer in self.layers:
            x = F.relu(layer(x))
        return self.regressor(x)


# robot arm: end point distance from joint angles and link lengths (kin8nm-like)
N = 4000
th = rng.uniform(-1.6, 1.6, (N, 6))
ang = np.cumsum(th, axis=1)
end = np.stack([np.cos(ang).sum(1), np.sin(ang).sum(1)], 1)
dist = np.sqrt(((end - np.array([2.0, 1.0])) ** 2).sum(1))
x = torch.tensor(th / th.std(0), dtype=torch.float32)
y = torch.tensor((dist - dist.mean()) / dist.std(), dtype=torch.float32).unsqueeze(1)
x_tr, y_tr, x_va, y_va = x[:3200], y[:3200], x[3200:], y[3200:]

model = FeedForward(6, 64, 4)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.MSELoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)


def run_epoch():
    perm = torch.randperm(len(x_tr))
    total = 0.0
    for b in perm.split(64):
        optimizer.zero_grad()
        loss = criterion(model(x_tr[b]), y_tr[b])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(b)
    return total / len(x_tr)


for epoch in range(40):
    tr = run_epoch()
    with torch.no_grad(), writer.evaluating("val"):
        va = criterion(model(x_va), y_va).item()
    if epoch % 5 == 4:
        print("epoch %d train mse %.4f valid mse %.4f" % (epoch + 1, tr, va))
writer.close()
