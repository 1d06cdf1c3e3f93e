#!/usr/bin/env python
"""Inverse dynamics of a seven-joint arm (SARCOS style): 7 positions, 7 velocities, 7 accelerations -> 7 torques.
Reports nMSE per joint, as in the Gaussian process book."""
import math
import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

from tb_lossdiag import DiagWriter


class Config:
    seed = 1
    hidden = 128
    layers = 2
    batch_size = 128
    lr = 7e-3
    gamma = 0.88
    epochs = 25


def simulate(n, rng):
    t = np.arange(n) * .05
    freqs, phases = rng.uniform(.2, 1.4, (3, 7)), rng.uniform(0, 6.28, (3, 7))
    amps = rng.uniform(.1, .5, (3, 7))
    arg = freqs[:, None] * t[None, :, None] + phases[:, None]
    q = (amps[:, None] * np.sin(arg)).sum(0) + rng.normal(0, .3, 7)
    qd = (amps[:, None] * freqs[:, None] * np.cos(arg)).sum(0)
    qdd = -(amps[:, None] * freqs[:, None] ** 2 * np.sin(arg)).sum(0)
    c = np.cumsum(q[:, ::-1], 1)[:, ::-1]
    mass = np.linspace(6, .4, 7)
    grav = mass * 3 * np.sin(c)
    inert = mass * (1.2 + .5 * np.cos(q)) * qdd + .6 * np.roll(mass, 1) * np.cos(q - np.roll(q, 1, 1)) * np.roll(qdd, 1, 1)
    coriolis = .8 * mass * np.sin(q) * qd * np.roll(qd, -1, 1)
    friction = .6 * np.sqrt(mass) * np.tanh(6 * qd) + .4 * qd
    tau = grav + inert + coriolis + friction
    tau += rng.normal(0, 1, tau.shape) * .13 * tau.std(0)
    x = np.hstack([q, qd, qdd])
    return x.astype(np.float32), tau.astype(np.float32)


class InverseDynamics(nn.Module):
    def __init__(self, n_in, n_out, hidden, layers, stats):
        super().__init__()
        mx, sx, my, sy = stats
        for k, v in dict(mx=mx, sx=sx, my=my, sy=sy).items():
            self.register_buffer(k, v)
        mods = [nn.Linear(n_in, hidden), nn.SiLU()]
        for _ in range(layers - 1):
            mods += [nn.Linear(hidden, hidden), nn.SiLU()]
        mods += [nn.Linear(hidden, n_out)]
        self.net = nn.Sequential(*mods)

    def forward(self, x):
        return self.net((x - self.mx) / self.sx)      # normalised torques

    def torque(self, x):
        return self.forward(x) * self.sy + self.my


class NormalisedMSE(nn.Module):
    def __init__(self, my, sy):
        super().__init__()
        self.my, self.sy = my, sy

    def forward(self, out, tau):
        return ((out - (tau - self.my) / self.sy) ** 2).mean()


def run_epoch(model, loader, criterion, opt=None):
    total, n = 0., 0
    for x, tau in loader:
        loss = criterion(model(x), tau)
        if opt is not None:
            opt.zero_grad(set_to_none=True)
            loss.backward()
            opt.step()
        total += loss.item() * len(x)
        n += len(x)
    return total / n


def main(cfg, logdir):
    torch.set_num_threads(1)
    torch.manual_seed(cfg.seed)
    x, tau = simulate(9000, np.random.default_rng(cfg.seed))
    ds = TensorDataset(torch.from_numpy(x), torch.from_numpy(tau))
    train, test = random_split(ds, [7500, 1500])
    xt, tt = ds[train.indices]
    stats = xt.mean(0), xt.std(0), tt.mean(0), tt.std(0)
    model = InverseDynamics(21, 7, cfg.hidden, cfg.layers, stats)
    criterion = NormalisedMSE(*stats[2:])
    opt = torch.optim.Adam(model.parameters(), lr=cfg.lr)
    sched = torch.optim.lr_scheduler.ExponentialLR(opt, cfg.gamma)
    writer = DiagWriter(logdir)
    writer.watch(model, opt, criterion)
    train_loader = DataLoader(train, cfg.batch_size, shuffle=True)
    test_loader = DataLoader(test, 500)
    for epoch in range(cfg.epochs):
        model.train()
        tr = run_epoch(model, train_loader, criterion, opt)
        model.eval()
        with writer.evaluating("val"), torch.no_grad():
            te = run_epoch(model, test_loader, criterion)
        if epoch % 3 == 0 or epoch == cfg.epochs - 1:
            print(f"epoch {epoch:3d} lr {sched.get_last_lr()[0]:.5f} nMSE train {tr:.4f} test {te:.4f}")
        sched.step()
    writer.close()
    xs, ts = ds[test.indices]
    with torch.no_grad():
        per = ((model.torque(xs) - ts) ** 2).mean(0) / ts.var(0)
    print("per joint", [round(v, 4) for v in per.tolist()])
    print(f"RESULT val_loss={te:.4f} worst_joint_nmse={per.max():.4f}")


if __name__ == "__main__":
    main(Config, sys.argv[1])
