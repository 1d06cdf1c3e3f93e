"""Neural ODE on predator / prey counts: the field is a small MLP on log populations, integrated with RK4 over short windows
of noisy yearly observations (simulated Lotka-Volterra, in the style of torchdiffeq's ode_demo)."""
import argparse
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

ap = argparse.ArgumentParser()
ap.add_argument("--lr", type=float, default=8e-3)
ap.add_argument("--niters", type=int, default=900)
ap.add_argument("--batch_time", type=int, default=8)
ap.add_argument("--batch_size", type=int, default=32)
ap.add_argument("logdir")
args = ap.parse_args()
torch.set_num_threads(1)
torch.manual_seed(0)


def true_field(z):
    x, y = np.exp(z[..., 0]), np.exp(z[..., 1])
    return np.stack([0.9 - 0.6 * y, 0.5 * x - 0.7], -1)


def rk4(f, z, dt):
    k1 = f(z); k2 = f(z + dt / 2 * k1); k3 = f(z + dt / 2 * k2); k4 = f(z + dt * k3)
    return z + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def simulate(z0, n, dt):
    z, out = z0, [z0]
    for _ in range(n - 1):
        for _ in range(5):
            z = rk4(true_field, z, dt / 5)
        out.append(z)
    return np.stack(out, 1)


rng = np.random.default_rng(0)
DT, NOISE = 0.25, 0.05
traj = simulate(rng.uniform(-.2, .9, (30, 2)), 60, DT)
obs = torch.tensor(traj + rng.normal(0, NOISE, traj.shape), dtype=torch.float32)
train, val = obs[:24], obs[24:]


class ODEFunc(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 2))
        for m in self.net:
            if isinstance(m, nn.Linear):
                nn.init.normal_(m.weight, mean=0, std=0.2)
                nn.init.constant_(m.bias, 0)

    def forward(self, z):
        return self.net(z)


def rollout(func, z, n):
    out = []
    for _ in range(n):
        z = rk4(func, z, DT)
        out.append(z)
    return torch.stack(out, 1)


func = ODEFunc()
optimizer = torch.optim.Adam(func.parameters(), lr=args.lr)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.niters, eta_min=args.lr * .05)
writer = DiagWriter(args.logdir)
criterion = nn.MSELoss()
writer.watch(func, optimizer, criterion)
starts = torch.arange(0, 60 - args.batch_time, 4)
vz0 = val[:, starts].reshape(-1, 2)
vzt = torch.stack([val[:, starts + k] for k in range(1, args.batch_time)], 2).reshape(-1, args.batch_time - 1, 2)
for itr in range(args.niters):
    r, s = torch.randint(0, 24, (args.batch_size,)), torch.randint(0, 60 - args.batch_time, (args.batch_size,))
    z0 = train[r, s]
    target = torch.stack([train[r, s + k] for k in range(1, args.batch_time)], 1)
    optimizer.zero_grad()
    loss = criterion(rollout(func, z0, args.batch_time - 1), target)
    loss.backward()
    optimizer.step()
    scheduler.step()
    if itr % 50 == 49:
        with writer.evaluating("val"):
            vl = criterion(rollout(func, vz0, args.batch_time - 1), vzt).item()
        if itr % 150 == 149:
            print("Iter {:04d} | train {:.5f} | val {:.5f}".format(itr + 1, loss.item(), vl))
writer.close()
z = vz0.numpy().astype(float)
o = []
for _ in range(args.batch_time - 1):
    for _ in range(5):
        z = rk4(true_field, z, DT / 5)
    o.append(z)
floor = np.mean((np.stack(o, 1) - vzt.numpy()) ** 2)
print(f"RESULT val_mse {vl:.5f} true_field_mse {floor:.5f} persistence_mse {((vz0[:, None] - vzt) ** 2).mean():.4f}")
