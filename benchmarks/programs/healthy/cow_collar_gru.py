#!/usr/bin/env python
"""train.py - classify cow behaviour (grazing, ruminating, resting, walking) from neck collar accelerometer windows.

usage: python train.py LOGDIR
"""
import logging
import sys
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(message)s")
log = logging.getLogger("collar")
BEHAVIOURS = ["grazing", "ruminating", "resting", "walking"]


@dataclass
class Config:
    seed: int = 13
    n_windows: int = 1800
    window: int = 30            # 10 Hz, three seconds
    hidden: int = 32
    dense: int = 32
    dropout: float = 0.2
    lr: float = 1e-2
    batch_size: int = 64
    epochs: int = 14
    clip: float = 1.0


def synth(cfg):
    rng = np.random.default_rng(cfg.seed)
    t = np.arange(cfg.window) / 10
    y = rng.choice(4, cfg.n_windows, p=[.36, .26, .27, .11])
    X = np.zeros((cfg.n_windows, cfg.window, 3), np.float32)
    for i, c in enumerate(y):
        pitch = rng.normal([-.75, .05, .1, -.1][c], .3)
        roll = rng.normal(0, .2)
        g = np.array([np.sin(pitch), np.sin(roll), np.cos(pitch)])
        if c == 0:      # bites, irregular
            f, a = rng.normal(1.1, .2), rng.uniform(.04, .22)
            phase = 2 * np.pi * f * t + np.cumsum(rng.normal(0, .25, cfg.window))
            s = a * np.sign(np.sin(phase)) * (rng.random(cfg.window) < .8)
        elif c == 1:    # chewing, regular
            f, a = rng.normal(1.05, .08), rng.uniform(.03, .13)
            s = a * np.sin(2 * np.pi * f * t + rng.uniform(0, 6.28))
        elif c == 2:
            s = np.zeros_like(t)
            if rng.random() < .25:          # ear flick, fly
                s[rng.integers(cfg.window)] += rng.normal(0, .3)
        else:
            f, a = rng.normal(.8, .15), rng.uniform(.08, .3)
            s = a * np.sin(2 * np.pi * f * t + rng.uniform(0, 6.28)) + .5 * a * np.sin(4 * np.pi * f * t)
        axis = rng.normal([.8, .3, .6], .25)
        X[i] = g + s[:, None] * axis + rng.normal(0, .045, (cfg.window, 3))
        if rng.random() < .05:              # observer's stop watch: neighbouring behaviour
            y[i] = rng.integers(4)
    return X, y


class CollarNet(nn.Module):
    def __init__(self, cfg, mean, std):
        super().__init__()
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float32))
        self.register_buffer("std", torch.as_tensor(std, dtype=torch.float32))
        self.gru = nn.GRU(3, cfg.hidden, batch_first=True)
        self.head = nn.Sequential(nn.Linear(cfg.hidden, cfg.dense), nn.ReLU(), nn.Dropout(cfg.dropout), nn.Linear(cfg.dense, 4))

    def forward(self, x):
        x = (x - self.mean) / self.std
        _, h = self.gru(x)
        return self.head(h[-1])


def run_epoch(model, loader, criterion, optimizer=None, clip=None):
    total, correct, n = 0., 0, 0
    for x, y in loader:
        logits = model(x)
        loss = criterion(logits, y)
        if optimizer is not None:
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
        total += loss.item() * len(y)
        correct += (logits.argmax(-1) == y).sum().item()
        n += len(y)
    return total / n, correct / n


def main(logdir):
    cfg = Config()
    torch.set_num_threads(1)
    torch.manual_seed(cfg.seed)
    X, y = synth(cfg)
    cut = int(.8 * len(X))
    log.info("class counts %s", np.bincount(y[:cut]).tolist())
    ds = lambda a, b: TensorDataset(torch.from_numpy(a), torch.from_numpy(b).long())
    train_loader = DataLoader(ds(X[:cut], y[:cut]), cfg.batch_size, shuffle=True)
    val_loader = DataLoader(ds(X[cut:], y[cut:]), 256)

    model = CollarNet(cfg, X[:cut].mean((0, 1)), X[:cut].std((0, 1)))
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[9, 12], gamma=0.3)
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer, criterion)
    for epoch in range(cfg.epochs):
        model.train()
        tl, ta = run_epoch(model, train_loader, criterion, optimizer, cfg.clip)
        scheduler.step()
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            vl, va = run_epoch(model, val_loader, criterion)
        log.info("epoch %d train %.4f/%.3f val %.4f/%.3f", epoch, tl, ta, vl, va)
    writer.close()
    print(f"RESULT train {tl:.4f} {ta:.3f} val_loss {vl:.4f} val_acc {va:.3f}")


if __name__ == "__main__":
    main(sys.argv[1])
