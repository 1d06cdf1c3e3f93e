# Surrogate for propeller thrust and torque coefficients (simulated blade-element numbers).
# SGD with Nesterov momentum, small batches, step decay.
import argparse
import numpy as np
import torch
from torch import nn, optim
from torch.optim.lr_scheduler import MultiStepLR
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument("form")
parser.add_argument("logdir")
parser.add_argument("--epochs", default=24, type=int)
parser.add_argument("--lr", default=0.05, type=float)
parser.add_argument("--milestones", default=[12, 18], type=int, nargs="+")
opt = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(17)
rng = np.random.default_rng(17)


def bench(n):
    j = rng.uniform(0.05, 1.1, n)          # advance ratio
    pitch = rng.uniform(0.4, 1.4, n)
    sol = rng.uniform(0.05, 0.25, n)       # solidity
    re = rng.uniform(4.5, 6.5, n)          # log10 Reynolds
    blades = rng.integers(2, 6, n)
    alpha = pitch - j
    kt = sol * (3.2 * np.tanh(1.6 * alpha) - .6 * alpha ** 2) * (1 - .25 * np.exp(4 - re)) * (1 - .03 * blades)
    kq = sol * (0.12 + .5 * np.maximum(alpha, 0) ** 1.5 + .1 * np.sin(3 * j)) * (1 + 1.2 * np.exp(4 - re)) * pitch
    y = np.stack([kt, 6 * kq], 1)
    x = np.stack([j, pitch, sol, re, blades], 1)
    return x, y


X, Y = bench(3600)
X = (X - X[:3000].mean(0)) / X[:3000].std(0)
Y = (Y - Y[:3000].mean(0)) / Y[:3000].std(0)
Ytrue = Y.copy()
Y[:3000] += rng.normal(0, 0.25, (3000, 2))   # scatter of the bench measurements
X, Y, Ytrue = (torch.tensor(a, dtype=torch.float32) for a in (X, Y, Ytrue))

net = nn.Sequential(nn.Linear(5, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2))
criterion = nn.MSELoss()
optimizer = optim.SGD(net.parameters(), lr=opt.lr, momentum=0.9, nesterov=True)
scheduler = MultiStepLR(optimizer, milestones=opt.milestones, gamma=0.1)
writer = DiagWriter(opt.logdir)
writer.watch(net, optimizer, criterion)


def train(epoch):
    net.train()
    total = 0.0
    for idx in torch.randperm(3000).split(16):
        optimizer.zero_grad()
        loss = criterion(net(X[idx]), Y[idx])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
    return total / 3000


def validate():
    net.eval()
    with writer.evaluating("val"):
        return sum(criterion(net(X[i:i + 200]), Ytrue[i:i + 200]).item() for i in (3000, 3200, 3400)) / 3


for epoch in range(opt.epochs):
    tr = train(epoch)
    va = validate()
    if opt.form == "fixed":
        scheduler.step()
    print(f"epoch {epoch+1} lr {optimizer.param_groups[0]['lr']:.5f} train {tr:.5f} val {va:.5f}")
writer.close()
print(f"RESULT val_mse {va:.5f} val_rmse {va**.5:.4f}")
