"""A small Trainer class; images of two superposed gratings, classify the pair of orientations."""
import sys
import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def make(n, seed):
    g = np.random.default_rng(seed)
    yy, xx = np.mgrid[:16, :16] / 16.0
    labels = g.integers(0, 8, n)
    imgs = np.empty((n, 1, 16, 16), np.float32)
    for i, k in enumerate(labels):
        th = np.pi * k / 8 + g.normal(0, .05)
        f = g.uniform(2, 4)
        imgs[i, 0] = np.sin(2 * np.pi * f * (xx * np.cos(th) + yy * np.sin(th)) + g.uniform(0, 6.28)) + g.normal(0, 1.0, (16, 16))
    return TensorDataset(torch.from_numpy(imgs), torch.from_numpy(labels))


class Trainer:
    def __init__(self, model, cfg, logdir):
        self.model, self.cfg = model, cfg
        self.loss_fn = nn.CrossEntropyLoss()
        self.optimizer = optim.SGD(model.parameters(), lr=cfg["lr"], momentum=0.9, weight_decay=1e-4)
        self.scheduler = optim.lr_scheduler.StepLR(self.optimizer, step_size=5, gamma=0.5)
        self.writer = DiagWriter(logdir)

    def train_epoch(self, loader):
        self.model.train()
        s = n = 0
        for x, y in loader:
            self.optimizer.zero_grad()
            loss = self.loss_fn(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            if self.cfg["mode"] == "faulty":
                self.scheduler.step()
            s += loss.item() * len(x); n += len(x)
        return s / n

    def validate(self, loader):
        with self.writer.evaluating("val"):
            s = c = n = 0
            for x, y in loader:
                out = self.model(x)
                s += self.loss_fn(out, y).item() * len(x); c += (out.argmax(1) == y).sum().item(); n += len(x)
        return s / n, c / n

    def fit(self, tl, vl):
        self.writer.watch(self.model, self.optimizer, self.loss_fn, train_loader=tl)
        for ep in range(self.cfg["epochs"]):
            t = self.train_epoch(tl)
            if self.cfg["mode"] == "fixed":
                self.scheduler.step()
            v, a = self.validate(vl)
            print(f"[{ep:02d}] train {t:.4f} val {v:.4f} acc {a:.3f}")
        self.writer.close()


def main():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(1, 12, 5, padding=2), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
                          nn.Conv2d(12, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.AdaptiveAvgPool2d(2),
                          nn.Flatten(), nn.Linear(96, 8))
    cfg = {"lr": 0.02, "epochs": 20, "mode": sys.argv[1]}
    Trainer(model, cfg, sys.argv[2]).fit(DataLoader(make(1600, 0), 50, shuffle=True), DataLoader(make(400, 1), 100))


if __name__ == "__main__":
    main()
