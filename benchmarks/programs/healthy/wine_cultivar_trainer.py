"""Wine cultivars from 13 chemical measurements (UCI wine, bundled with scikit-learn)."""
import sys
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter


@dataclass
class Config:
    hidden: int = 24
    lr: float = 3e-3
    weight_decay: float = 1e-3
    batch_size: int = 16
    epochs: int = 40
    seed: int = 7


class WineNet(nn.Module):
    def __init__(self, n_in, hidden, n_out):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(n_in, hidden), nn.ReLU(), nn.Dropout(0.2), nn.Linear(hidden, n_out))

    def forward(self, x):
        return self.net(x)


class Trainer:
    def __init__(self, cfg, logdir):
        self.cfg = cfg
        torch.manual_seed(cfg.seed)
        X, y = load_wine(return_X_y=True)
        Xtr, Xva, ytr, yva = train_test_split(X, y, test_size=0.3, stratify=y, random_state=cfg.seed)
        sc = StandardScaler().fit(Xtr)
        t = lambda a: torch.tensor(sc.transform(a), dtype=torch.float32)
        self.train_dl = DataLoader(TensorDataset(t(Xtr), torch.tensor(ytr)), batch_size=cfg.batch_size, shuffle=True)
        self.val_dl = DataLoader(TensorDataset(t(Xva), torch.tensor(yva)), batch_size=64)
        self.model = WineNet(13, cfg.hidden, 3)
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=cfg.lr, weight_decay=cfg.weight_decay)
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.model, self.optimizer, self.criterion)

    def train_epoch(self):
        self.model.train()
        for x, y in self.train_dl:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)
            loss.backward()
            self.optimizer.step()

    def validate(self):
        self.model.eval()
        ok, tot, ls = 0, 0, 0.0
        with self.writer.evaluating("val"):
            for x, y in self.val_dl:
                out = self.model(x)
                ls += self.criterion(out, y).item() * len(y)
                ok += (out.argmax(1) == y).sum().item()
                tot += len(y)
        return ls / tot, ok / tot

    def fit(self):
        for epoch in range(self.cfg.epochs):
            self.train_epoch()
            vl, va = self.validate()
            if epoch % 10 == 9:
                print(f"epoch {epoch + 1} val loss {vl:.4f} acc {va:.3f}")
        self.writer.close()
        return vl, va


if __name__ == "__main__":
    torch.set_num_threads(1)
    vl, va = Trainer(Config(), sys.argv[1]).fit()
    print(f"RESULT val_loss {vl:.4f} val_acc {va:.4f}")
