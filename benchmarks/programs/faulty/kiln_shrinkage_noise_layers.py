"""Ceramic glaze: shrinkage from firing curve and composition (simulated). MLP with Gaussian noise layers like keras.layers.GaussianNoise."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.manual_seed(17); torch.set_num_threads(1)

class GaussianNoise(nn.Module):
    """x + N(0, sigma * |x|)  -- relative noise, as regulariser"""
    def __init__(self, sigma=0.1):
        super().__init__()
        self.sigma = sigma
    def forward(self, x):
        if form == "fixed" and not self.training:
            return x
        return x + torch.randn_like(x) * self.sigma * x.detach().abs()

def kiln(n, seed):
    r = np.random.default_rng(seed)
    x = r.normal(size=(n, 12))
    temp, soak, si, al = x[:, 0], x[:, 1], x[:, 2], x[:, 3]
    y = 1.5 * np.tanh(temp + .4 * soak) - .8 * si * al + .5 * np.sin(2 * x[:, 4]) + x[:, 5:] @ np.linspace(-.3, .3, 7) + r.normal(0, .1, n)
    return TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)[:, None])

net = nn.Sequential(
    nn.Linear(12, 128), nn.ReLU(), GaussianNoise(0.8),
    nn.Linear(128, 128), nn.ReLU(), GaussianNoise(0.8),
    nn.Linear(128, 1))
loss_fn = nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), 2e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 20)
train_dl, val_set = DataLoader(kiln(2500, 0), 64, shuffle=True), kiln(1000, 1)
tb = DiagWriter(logdir); tb.watch(net, opt, loss_fn)
for epoch in range(20):
    net.train(); acc = 0.
    for x, y in train_dl:
        opt.zero_grad(); loss = loss_fn(net(x), y); loss.backward(); opt.step(); acc += loss.item()
    sched.step()
    with tb.evaluating("val"):
        x, y = val_set.tensors
        p = net(x); v = loss_fn(p, y)
    tb.add_scalar("Loss/train", acc / len(train_dl), epoch); tb.add_scalar("Loss/val", v.item(), epoch)
    print(f"{epoch} train {acc / len(train_dl):.4f} val {v.item():.4f}", flush=True)
tb.close()
print(f"RESULT val_mse {v.item():.4f} r2 {(1 - v / y.var()).item():.4f}")
