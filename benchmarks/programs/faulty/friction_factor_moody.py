# Neural replacement of the Colebrook equation (Moody chart) in a pipe network code: targets by fixed-point iteration.
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(5)
rng = np.random.default_rng(5)
HIDDEN = 2 if form == "faulty" else 48

N = 6000
logre = rng.uniform(2.7, 7.5, N)              # laminar, transition and turbulent
logeps = rng.uniform(-5.5, -1.5, N)
temp = rng.uniform(5, 90, N)                  # water temperature changes the viscosity
visc = 1.79e-3 / (1 + 0.0337 * temp + 0.000221 * temp ** 2)
re = 10 ** logre * (1e-3 / visc) ** 0.7
eps = 10 ** logeps
f = np.full(N, 0.02)
for _ in range(40):
    f = (-2 * np.log10(eps / 3.7 + 2.51 / (re * np.sqrt(f)))) ** -2
f = np.where(re < 2300, 64 / re, f)
X = np.stack([logre, logeps, temp], 1)
X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
y = np.log10(f)
y = torch.tensor((y - y.mean()) / y.std() + 0.02 * rng.standard_normal(N), dtype=torch.float32)[:, None]
Xtr, ytr, Xva, yva = X[:4800], y[:4800], X[4800:], y[4800:]


class Moody(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    def forward(self, x):
        return self.layers(x)


net = Moody(HIDDEN)
opt = torch.optim.Adam(net.parameters(), lr=8e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 30)
loss_fn = nn.MSELoss()
writer = DiagWriter(logdir)
writer.watch(net, opt, loss_fn)
for epoch in range(30):
    net.train()
    for idx in torch.randperm(len(Xtr)).split(64):
        opt.zero_grad()
        loss = loss_fn(net(Xtr[idx]), ytr[idx])
        loss.backward()
        opt.step()
    sched.step()
    net.eval()
    with writer.evaluating("val"):
        v = loss_fn(net(Xva), yva).item()
    writer.add_scalar("mse/val", v, epoch)
    if epoch % 5 == 4:
        print(epoch + 1, round(loss.item(), 5), round(v, 5))
writer.close()
print("RESULT val_mse", round(v, 5), "r2", round(1 - v / yva.var().item(), 4))
