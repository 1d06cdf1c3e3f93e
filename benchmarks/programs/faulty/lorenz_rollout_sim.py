"""Learned simulator of the Lorenz system: the network predicts dx/dt, training backpropagates through a 32-step roll-out."""
import argparse
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

p = argparse.ArgumentParser()
p.add_argument("mode", choices=["faulty", "fixed"])
p.add_argument("logdir")
p.add_argument("--horizon", type=int, default=40)
p.add_argument("--clip", type=float, default=0.5)
p.add_argument("--lr", type=float, default=0.05)
p.add_argument("--iters", type=int, default=500)
args = p.parse_args()
torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)
DT = 0.03


def lorenz(s):
    x, y, z = s[..., 0], s[..., 1], s[..., 2]
    return np.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z], -1)


def simulate(n, steps, sub=6):
    s = np.random.uniform(-12, 12, (n, 3)) + np.array([0, 0, 24])
    out = []
    h = DT / sub
    for k in range(-60, steps):
        if k >= 0:
            out.append(s.copy())
        for _ in range(sub):
            k1 = lorenz(s); k2 = lorenz(s + h / 2 * k1); k3 = lorenz(s + h / 2 * k2); k4 = lorenz(s + h * k3)
            s = s + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return np.stack(out, 1)


traj = simulate(360, args.horizon + 1)
mean, std = traj.mean((0, 1)), traj.std((0, 1))
traj = torch.tensor((traj - mean) / std, dtype=torch.float32)
obs = traj + 0.02 * torch.randn_like(traj)      # the sensors are not perfect
train, val = obs[:280], obs[280:]


class Dynamics(nn.Module):
    def __init__(self, h=48):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(3, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, 3))

    def forward(self, s0, steps):
        s, out = s0, []
        for _ in range(steps):
            s = s + self.f(s)
            out.append(s)
        return torch.stack(out, 1)


net = Dynamics()
opt = torch.optim.SGD(net.parameters(), lr=args.lr, momentum=0.9)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, args.iters)
criterion = nn.SmoothL1Loss()
writer = DiagWriter(args.logdir)
writer.watch(net, opt, criterion)
for it in range(args.iters):
    b = train[torch.randint(0, len(train), (32,))]
    pred = net(b[:, 0], args.horizon)
    loss = criterion(pred, b[:, 1:])
    opt.zero_grad()
    if args.mode == "faulty":
        torch.nn.utils.clip_grad_norm_(net.parameters(), args.clip)
        loss.backward()
    else:
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), args.clip)
    opt.step()
    sched.step()
    if (it + 1) % 50 == 0:
        with torch.no_grad(), writer.evaluating("val"):
            vp = net(val[:, 0], args.horizon)
            vl = criterion(vp, val[:, 1:]).item()
        short = (vp[:, :8] - val[:, 1:9]).pow(2).mean().sqrt().item()
        print(f"{it + 1:5d} loss {loss.item():.4f}  val {vl:.4f}  rmse of the first 8 steps {short:.4f}")
writer.close()
print(f"RESULT val_loss {vl:.4f} rmse8 {short:.4f}")
