"""Inverse dynamics of a planar two-link arm (simulated): torque from q, qd, qdd."""
import sys, math
from dataclasses import dataclass
import numpy as np, torch, torch.nn as nn
from tb_lossdiag import DiagWriter

@dataclass
class Train:
    epochs: int = 10
    batch: int = 4
    lr: float = 0.02
    momentum: float = 0.9
    lr_step: int = 30
    lr_gamma: float = 0.1

def torques(q, qd, qdd, m=(1.2, .8), l=(.5, .4), g=9.81):
    (m1, m2), (l1, l2) = m, l
    c2, s2 = np.cos(q[:, 1]), np.sin(q[:, 1])
    a = (m1 + m2) * l1 ** 2 + m2 * l2 ** 2 + 2 * m2 * l1 * l2 * c2
    b = m2 * l2 ** 2 + m2 * l1 * l2 * c2
    h = m2 * l1 * l2 * s2
    t1 = a * qdd[:, 0] + b * qdd[:, 1] - h * (2 * qd[:, 0] * qd[:, 1] + qd[:, 1] ** 2) \
        + (m1 + m2) * g * l1 * np.cos(q[:, 0]) + m2 * g * l2 * np.cos(q.sum(1))
    t2 = b * qdd[:, 0] + m2 * l2 ** 2 * qdd[:, 1] + h * qd[:, 0] ** 2 + m2 * g * l2 * np.cos(q.sum(1))
    return np.stack([t1, t2], 1)

def data(n, rng):
    q = rng.uniform(-math.pi, math.pi, (n, 2)); qd = rng.normal(0, 1.5, (n, 2)); qdd = rng.normal(0, 3, (n, 2))
    tau = torques(q, qd, qdd) + rng.normal(0, .8, (n, 2))      # sensor noise
    x = np.concatenate([np.sin(q), np.cos(q), qd / 1.5, qdd / 3], 1)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(tau, dtype=torch.float32)

def main(form, logdir):
    torch.manual_seed(3); torch.set_num_threads(1)
    cfg = Train() if form == "faulty" else Train(lr_step=5)
    rng = np.random.default_rng(3)
    x, y = data(2400, rng); xv, yv = data(800, rng)
    mu, sd = y.mean(0), y.std(0)
    y, yv = (y - mu) / sd, (yv - mu) / sd
    net = nn.Sequential(nn.Linear(8, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 2))
    crit = nn.MSELoss()
    opt = torch.optim.SGD(net.parameters(), lr=cfg.lr, momentum=cfg.momentum)
    sched = torch.optim.lr_scheduler.StepLR(opt, step_size=cfg.lr_step, gamma=cfg.lr_gamma)
    w = DiagWriter(logdir); w.watch(net, opt, crit)
    for ep in range(cfg.epochs):
        net.train(); tot = 0.
        for idx in torch.randperm(len(x)).split(cfg.batch):
            loss = crit(net(x[idx]), y[idx])
            opt.zero_grad(); loss.backward(); opt.step()
            tot += loss.item() * len(idx)
        sched.step()
        with w.evaluating("val"):
            pred = net(xv); v = crit(pred, yv).item()
        print(f"epoch {ep:2d}  train {tot / len(x):.5f}  val {v:.5f}", flush=True)
    w.close()
    rmse = ((pred - yv) * sd).pow(2).mean().sqrt().item()
    print(f"RESULT val_mse {v:.5f} val_rmse_nm {rmse:.4f}")

if __name__ == "__main__":
    main(*sys.argv[1:3])
