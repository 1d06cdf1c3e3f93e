# PV plant: AC power (share of the rated power) from the weather forecast
from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter


@dataclass
class Config:
    n: int = 9000
    batch_size: int = 128
    hidden: int = 64
    max_epochs: int = 35
    lr: float = 4e-3
    weight_decay: float = 1e-4
    seed: int = 2024


def weather(cfg: Config):
    g = np.random.default_rng(cfg.seed)
    day, hour = g.integers(0, 365, cfg.n), g.uniform(7, 18, cfg.n)
    elev = np.clip(np.sin((hour - 6) / 13 * np.pi), 0.02, 1) * (0.65 + 0.35 * np.cos((day - 172) / 365 * 2 * np.pi))
    cloud = g.beta(0.8, 0.9, cfg.n)
    ghi_fc = 1000 * elev * (1 - 0.72 * cloud ** 1.6)
    temp = 12 + 10 * np.cos((day - 200) / 365 * 2 * np.pi) + 6 * elev * (1 - cloud) + g.normal(0, 3, cfg.n)
    wind = g.weibull(2, cfg.n) * 4
    humidity = np.clip(85 - 1.5 * temp + 20 * cloud + g.normal(0, 8, cfg.n), 15, 100)
    actual_cloud = np.clip(cloud + g.normal(0, 0.12, cfg.n), 0, 1)     # what the forecast missed
    irr = elev * (1 - 0.72 * actual_cloud ** 1.6)
    cell = temp + 30 * irr / (1 + 0.15 * wind)
    power = np.clip(1.05 * irr * (1 - 0.004 * (cell - 25)), 0, 0.9) + g.normal(0, 0.01, cfg.n)
    X = np.column_stack([ghi_fc, cloud * 100, temp, wind, humidity, np.sin(2 * np.pi * day / 365),
                         np.cos(2 * np.pi * day / 365), hour])
    return X, power


def make_loaders(cfg: Config):
    X, y = weather(cfg)
    n_tr = int(0.8 * cfg.n)
    xs, ys = StandardScaler().fit(X[:n_tr]), StandardScaler().fit(y[:n_tr, None])
    tt = lambda a: torch.from_numpy(a.astype(np.float32))
    X, y = tt(xs.transform(X)), tt(ys.transform(y[:, None]))
    return (DataLoader(TensorDataset(X[:n_tr], y[:n_tr]), cfg.batch_size, shuffle=True),
            DataLoader(TensorDataset(X[n_tr:], y[n_tr:]), 600), float(ys.scale_[0]))


class Trainer:
    def __init__(self, model, loaders, cfg, logdir):
        self.model, self.cfg = model, cfg
        self.train_loader, self.val_loader, self.scale = loaders
        self.criterion = nn.MSELoss()
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=cfg.lr, weight_decay=cfg.weight_decay)
        self.scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(self.optimizer, factor=0.3, patience=3)
        self.writer = DiagWriter(logdir)
        self.writer.watch(model, self.optimizer, self.criterion)

    def train_one_epoch(self) -> float:
        self.model.train()
        losses = []
        for x, y in self.train_loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        return float(np.mean(losses))

    @torch.no_grad()
    def validate(self) -> tuple[float, float]:
        self.model.eval()
        with self.writer.evaluating("val"):
            se, ae = [], []
            for x, y in self.val_loader:
                p = self.model(x)
                se.append(self.criterion(p, y).item())
                ae.append((p - y).abs().mean().item() * self.scale)
        return float(np.mean(se)), float(np.mean(ae))

    def fit(self):
        for epoch in range(self.cfg.max_epochs):
            train_loss = self.train_one_epoch()
            val_loss, mae = self.validate()
            self.scheduler.step(val_loss)
            print(f"{epoch:02d} | train {train_loss:.4f} | val {val_loss:.4f} | MAE {100 * mae:.2f} % of rated | lr {self.optimizer.param_groups[0]['lr']:.1e}")
        self.writer.close()
        return train_loss, val_loss, mae


if __name__ == "__main__":
    cfg = Config()
    torch.manual_seed(cfg.seed)
    torch.set_num_threads(1)
    net = nn.Sequential(nn.Linear(8, cfg.hidden), nn.SiLU(), nn.Linear(cfg.hidden, cfg.hidden // 2), nn.SiLU(), nn.Linear(cfg.hidden // 2, 1))
    tr, va, mae = Trainer(net, make_loaders(cfg), cfg, sys.argv[1]).fit()
    print(f"RESULT train {tr:.4f} val {va:.4f} mae {mae:.4f}")
