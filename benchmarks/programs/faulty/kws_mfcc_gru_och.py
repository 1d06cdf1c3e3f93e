"""Keyword spotting: GRU on MFCC frames (speech commands, 10 words), trainer with config dict."""
import sys

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

from tb_lossdiag import DiagWriter

CONFIG = dict(n_words=10, frames=30, coeffs=12, hidden=48, batch_size=64, epochs=14, lr=0.003,
              optimizer="sgd" if sys.argv[1] == "faulty" else "adam")


class Commands(Dataset):
    def __init__(self, n, seed):
        r = np.random.RandomState(seed)
        proto = np.random.RandomState(100).normal(0, 1, (10, 3, CONFIG["coeffs"]))     # three phones a word
        proto[1::2, 0] = proto[::2, 0]                                                 # pairs share the first phone
        proto[2:6, 2] = proto[6:10, 2]
        self.y = r.randint(0, 10, n)
        self.x = np.zeros((n, CONFIG["frames"], CONFIG["coeffs"]), "float32")
        for i, k in enumerate(self.y):
            start, dur = r.randint(0, 8), r.randint(14, 22)
            cuts = np.sort(r.uniform(.2, .8, 2))
            pos = np.linspace(0, 1, dur)
            seg = np.digitize(pos, cuts)
            self.x[i, start:start + dur] = proto[k][seg] * r.uniform(.6, 1.2) + r.normal(0, .5, CONFIG["coeffs"])
            self.x[i] += r.normal(0, .8, self.x[i].shape)
            self.x[i] = (self.x[i] - self.x[i].mean(0)) / self.x[i].std(0)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class KWS(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.gru = nn.GRU(cfg["coeffs"], cfg["hidden"], batch_first=True)
        self.fc = nn.Sequential(nn.Dropout(.2), nn.Linear(cfg["hidden"], cfg["n_words"]))

    def forward(self, x):
        h, _ = self.gru(x)
        return self.fc(h[:, -1])


class Trainer:
    def __init__(self, cfg, logdir):
        torch.manual_seed(0)
        self.cfg = cfg
        self.model = KWS(cfg)
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[cfg["optimizer"]](self.model.parameters(), lr=cfg["lr"])
        self.train_loader = DataLoader(Commands(4000, 1), cfg["batch_size"], shuffle=True)
        self.valid_loader = DataLoader(Commands(1000, 2), 500)
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.model, self.optimizer, self.criterion)

    def train_epoch(self):
        self.model.train()
        for x, y in self.train_loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
            self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def valid_epoch(self):
        self.model.eval()
        tot, hit = 0., 0
        with self.writer.evaluating("val"):
            for x, y in self.valid_loader:
                o = self.model(x)
                tot += self.criterion(o, y).item() * len(y)
                hit += (o.argmax(1) == y).sum().item()
        n = len(self.valid_loader.dataset)
        return tot / n, hit / n

    def run(self):
        for epoch in range(self.cfg["epochs"]):
            l = self.train_epoch()
            v, a = self.valid_epoch()
            print(f"{epoch:3d} train {l:.4f} valid {v:.4f} acc {a:.4f}")
        self.writer.close()
        print(f"RESULT val_loss {v:.4f} val_acc {a:.4f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    Trainer(CONFIG, sys.argv[2]).run()
