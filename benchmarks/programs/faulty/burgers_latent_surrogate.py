"""Latent surrogate for a 1-D transport problem: encode u(x,0), decode u(x,T).

Fields are simulated: random Fourier series (6 modes) advected by their mean speed and smoothed by viscosity, plus
steepening of the crests (one explicit viscous Burgers solver).   args: faulty|fixed LOGDIR
"""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(17)
LATENT = 2 if sys.argv[1] == "faulty" else 32      # 2: the value of the latent-space plot
NX = 64


def solve(n, seed):
    r = np.random.default_rng(seed)
    x = np.arange(NX) * 2 * np.pi / NX
    u = np.zeros((n, NX))
    for k in range(1, 7):
        a, b = r.normal(size=(2, n, 1)) / k ** .7
        u += a * np.cos(k * x) + b * np.sin(k * x)
    u = .6 * u + r.normal(0, .2, (n, 1))
    u0 = u.copy()
    dx, dt, nu = x[1], .004, .05
    for _ in range(80):
        f = u ** 2 / 2
        up, um = np.roll(u, -1, 1), np.roll(u, 1, 1)
        u = u - dt * (np.roll(f, -1, 1) - np.roll(f, 1, 1)) / (2 * dx) + dt * (nu + .06) * (up - 2 * u + um) / dx ** 2
    return torch.tensor(u0, dtype=torch.float32), torch.tensor(u, dtype=torch.float32)


class Surrogate(nn.Module):
    def __init__(self, latent):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(NX, 128), nn.SiLU(), nn.Linear(128, latent))
        self.decoder = nn.Sequential(nn.Linear(latent, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU(), nn.Linear(128, NX))

    def forward(self, u):
        return self.decoder(self.encoder(u))


u0, uT = solve(3000, 1)
v0, vT = solve(600, 2)
scale = uT.std()
u0, uT, v0, vT = u0 / scale, uT / scale, v0 / scale, vT / scale
model = Surrogate(LATENT)
crit = nn.MSELoss()
EPOCHS = 40
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS, eta_min=1e-5)
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, crit)
for epoch in range(EPOCHS):
    model.train()
    perm = torch.randperm(len(u0))
    tr = 0.0
    for i in range(0, len(u0), 50):
        j = perm[i:i + 50]
        opt.zero_grad()
        loss = crit(model(u0[j]), uT[j])
        loss.backward()
        opt.step()
        tr += loss.item() / 60
    sched.step()
    with writer.evaluating("val"):
        va = np.mean([crit(model(v0[i:i + 100]), vT[i:i + 100]).item() for i in range(0, 600, 100)])
    writer.add_scalar("mse/train", tr, epoch)
    writer.add_scalar("mse/val", va, epoch)
    if epoch % 4 == 3:
        print(f"epoch {epoch+1} train {tr:.4f} val {va:.4f}")
writer.close()
print("RESULT val_relative_mse %.4f" % (va / vT.var().item()))
