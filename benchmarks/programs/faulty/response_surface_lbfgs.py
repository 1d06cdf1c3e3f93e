"""Surrogate of a response surface (Franke's function, simulated measurements) trained with L-BFGS."""
import sys
from dataclasses import dataclass
import torch
from torch import nn
from tb_lossdiag import DiagWriter


@dataclass
class Config:
    form: str
    logdir: str
    n_train: int = 400
    n_test: int = 300
    hidden: int = 32
    outer: int = 40
    lr: float = 0.8


def franke(p):
    x, y = p[:, 0], p[:, 1]
    return (0.75 * torch.exp(-(9 * x - 2) ** 2 / 4 - (9 * y - 2) ** 2 / 4) + 0.75 * torch.exp(-(9 * x + 1) ** 2 / 49 - (9 * y + 1) / 10)
            + 0.5 * torch.exp(-(9 * x - 7) ** 2 / 4 - (9 * y - 3) ** 2 / 4) - 0.2 * torch.exp(-(9 * x - 4) ** 2 - (9 * y - 7) ** 2))


def run(cfg):
    torch.set_num_threads(1)
    torch.manual_seed(2)
    P = torch.rand(cfg.n_train + cfg.n_test, 2)
    z = franke(P)[:, None] + 0.01 * torch.randn(len(P), 1)
    z = (z - z[:cfg.n_train].mean()) / z[:cfg.n_train].std()
    P = 2 * P - 1
    a, b = slice(0, cfg.n_train), slice(cfg.n_train, None)
    net = nn.Sequential(nn.Linear(2, cfg.hidden), nn.Tanh(), nn.Linear(cfg.hidden, cfg.hidden), nn.Tanh(), nn.Linear(cfg.hidden, 1))
    criterion = nn.MSELoss()
    optimizer = torch.optim.LBFGS(net.parameters(), lr=cfg.lr)
    w = DiagWriter(cfg.logdir)
    w.watch(net, optimizer, criterion)

    def closure():
        if cfg.form == "fixed":
            optimizer.zero_grad()
        loss = criterion(net(P[a]), z[a])
        loss.backward()
        return loss

    for step in range(cfg.outer):
        optimizer.zero_grad()
        loss = optimizer.step(closure)
        with w.evaluating("test"):
            t = criterion(net(P[b]), z[b]).item()
        if step % 4 == 3:
            print(f"STEP {step + 1} loss {float(loss):.5f} test loss {t:.5f}")
    w.close()
    print("RESULT test_r2", 1 - t / z[b].var(unbiased=False).item())


run(Config(sys.argv[1], sys.argv[2]))
