"""Can a small net learn the mass of a sphere (density 1) from its radius?"""
import argparse
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

ap = argparse.ArgumentParser()
ap.add_argument("version", choices=["faulty", "fixed"])
ap.add_argument("logdir")
ap.add_argument("--epochs", type=int, default=1500)
args = ap.parse_args()
torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(3)

r = rng.uniform(0, 20, 80)
mass = 4 / 3 * np.pi * r ** 3
scale_x, scale_y = 1.0, 1.0
if args.version == "fixed":
    scale_x, scale_y = r.max(), mass.max()
X = torch.tensor(r / scale_x, dtype=torch.float32).unsqueeze(1)
Y = torch.tensor(mass / scale_y, dtype=torch.float32).unsqueeze(1)
X_tr, Y_tr, X_va, Y_va = X[:64], Y[:64], X[64:], Y[64:]


def dense(i, o):
    layer = nn.Linear(i, o)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


net = nn.Sequential(dense(1, 1), dense(1, 128), nn.ReLU(), dense(128, 1), nn.ReLU())
opt = torch.optim.RMSprop(net.parameters(), lr=1e-3, alpha=0.9, eps=1e-7)
loss_fn = nn.MSELoss()
w = DiagWriter(args.logdir)
w.watch(net, opt, loss_fn)

for epoch in range(args.epochs):
    perm = torch.randperm(64)
    for b in (perm[:32], perm[32:]):
        loss = loss_fn(net(X_tr[b]), Y_tr[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if (epoch + 1) % 100 == 0:
        with w.evaluating("val"):
            val = loss_fn(net(X_va), Y_va).item()
        if (epoch + 1) % 500 == 0:
            print(epoch + 1, "loss", loss.item(), "val_loss", val)
w.close()
with torch.no_grad():
    p = net(X_va).squeeze(1).numpy() * scale_y
true = mass[64:]
print("RESULT mae_percent_of_mean", 100 * np.abs(p - true).mean() / true.mean(), "r2", 1 - ((p - true) ** 2).sum() / ((true - true.mean()) ** 2).sum())
