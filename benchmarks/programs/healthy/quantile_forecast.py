"""Electricity-like hourly demand: GRU encoder, three quantiles for the next 12 hours (pinball loss)."""
from __future__ import annotations
import sys
from dataclasses import dataclass
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter


@dataclass(frozen=True)
class Config:
    context: int = 48
    horizon: int = 12
    hidden: int = 32
    quantiles: tuple[float, ...] = (0.1, 0.5, 0.9)
    lr: float = 1e-3
    batch_size: int = 64
    max_steps: int = 1200


class Windows(Dataset):
    def __init__(self, series: Tensor, cfg: Config) -> None:
        self.series, self.cfg = series, cfg

    def __len__(self) -> int:
        return len(self.series) - self.cfg.context - self.cfg.horizon

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        c = self.cfg
        past, future = self.series[i : i + c.context], self.series[i + c.context : i + c.context + c.horizon]
        return past, future[:, 0]


class QuantileGRU(nn.Module):
    def __init__(self, cfg: Config, n_features: int) -> None:
        super().__init__()
        self.cfg = cfg
        self.rnn = nn.GRU(n_features, cfg.hidden, batch_first=True)
        self.head = nn.Sequential(nn.Linear(cfg.hidden, 64), nn.ReLU(), nn.Linear(64, cfg.horizon * len(cfg.quantiles)))

    def forward(self, x: Tensor) -> Tensor:
        _, h = self.rnn(x)
        return self.head(h[-1]).view(-1, self.cfg.horizon, len(self.cfg.quantiles))


class QuantileLoss(nn.Module):
    def __init__(self, quantiles: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("q", torch.tensor(quantiles))

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        e = target.unsqueeze(-1) - pred
        return torch.maximum(self.q * e, (self.q - 1) * e).mean()


def make_series(n: int = 4000) -> Tensor:
    rng = np.random.default_rng(11)
    t = np.arange(n)
    day, week = 2 * np.pi * t / 24, 2 * np.pi * t / 168
    noise = np.zeros(n)
    for i in range(1, n):
        noise[i] = 0.8 * noise[i - 1] + rng.normal(0, 0.25) * (1 + 0.5 * np.sin(day[i]))
    y = 2 * np.sin(day) + 0.7 * np.sin(2 * day + 1) + 0.6 * np.sin(week) + noise
    y = (y - y[:3200].mean()) / y[:3200].std()
    return torch.tensor(np.stack([y, np.sin(day), np.cos(day), np.sin(week), np.cos(week)], 1), dtype=torch.float32)


def main(logdir: str) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(3)
    cfg = Config()
    series = make_series()
    train = DataLoader(Windows(series[:3200], cfg), cfg.batch_size, shuffle=True, drop_last=True)
    val = DataLoader(Windows(series[3200 - cfg.context :], cfg), 256)
    model, loss_fn = QuantileGRU(cfg, series.size(1)), QuantileLoss(cfg.quantiles)
    optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, cfg.max_steps)
    step = 0
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer, loss_fn)
    while step < cfg.max_steps:
        for x, y in train:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            step += 1
            if step % 100 == 0:
                losses, inside = [], []
                with writer.evaluating("val"):
                    for x, y in val:
                        p = model(x)
                        losses.append(loss_fn(p, y).item())
                        inside.append(((y > p[..., 0]) & (y < p[..., 2])).float().mean().item())
            if step == cfg.max_steps:
                break
    print(f"RESULT pinball train {loss.item():.4f} val {np.mean(losses):.4f} coverage of 80 %: {np.mean(inside):.3f}")
    writer.close()


if __name__ == "__main__":
    main(sys.argv[1])
