"""Chromosome banding patterns (simulated: one-dimensional intensity profiles, 8 kinds), 1-D convnet with BatchNorm.
The scans come from a memory-hungry pipeline, so the batch is whatever fits.

usage: chromosome_bands_bn_trainer.py faulty|fixed LOGDIR
"""
import argparse

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class Bands(Dataset):
    def __init__(self, n, seed):
        proto = np.random.default_rng(99)
        pos = proto.uniform(5, 59, (8, 6))
        wid = proto.uniform(1.0, 3.0, (8, 6))
        g = np.random.default_rng(seed)
        self.y = g.integers(0, 8, n)
        grid = np.arange(64)
        self.x = np.zeros((n, 1, 64), dtype="float32")
        for i, k in enumerate(self.y):
            p = pos[k] * g.normal(1, 0.04) + g.normal(0, 1.5, 6)
            a = g.uniform(0.4, 1.2, 6)
            self.x[i, 0] = (a[:, None] * np.exp(-0.5 * ((grid - p[:, None]) / wid[k][:, None]) ** 2)).sum(0)
            self.x[i, 0] = self.x[i, 0] * g.lognormal(0, 0.6) + 0.25 * g.normal(size=64)
        self.x = (self.x - 0.4) / 0.5

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return torch.from_numpy(self.x[i]), int(self.y[i])


def conv(i, o):
    return nn.Sequential(nn.Conv1d(i, o, 5, padding=2, bias=False), nn.BatchNorm1d(o), nn.ReLU(), nn.MaxPool1d(2))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("form")
    p.add_argument("logdir")
    p.add_argument("--epochs", type=int, default=8)
    p.add_argument("--lr", type=float, default=0.02)
    a = p.parse_args()
    batch_size = 2 if a.form == "faulty" else 32

    torch.manual_seed(4)
    train = DataLoader(Bands(1600, 1), batch_size=batch_size, shuffle=True, drop_last=True)
    val = DataLoader(Bands(600, 2), batch_size=200)
    net = nn.Sequential(conv(1, 16), conv(16, 32), conv(32, 32), nn.Flatten(), nn.Linear(32 * 8, 8))
    ce = nn.CrossEntropyLoss()
    opt = torch.optim.SGD(net.parameters(), lr=a.lr, momentum=0.9, weight_decay=1e-4)
    writer = DiagWriter(a.logdir)
    writer.watch(net, opt, ce)
    for epoch in range(a.epochs):
        net.train()
        tot = 0.0
        for x, y in train:
            opt.zero_grad()
            loss = ce(net(x), y)
            loss.backward()
            opt.step()
            tot += loss.item()
        ok = vl = 0
        with writer.evaluating("val"):
            for x, y in val:
                o = net(x)
                vl += ce(o, y).item() / len(val)
                ok += (o.argmax(1) == y).sum().item()
        print(f"[{epoch}] train {tot / len(train):.3f} val {vl:.3f} acc {ok / 600:.3f}")
    writer.close()
    print("RESULT val_accuracy", round(ok / 600, 4), "val_loss", round(vl, 4))


if __name__ == "__main__":
    main()
