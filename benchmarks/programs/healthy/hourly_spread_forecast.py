"""Next-hour move of an electricity intraday spread from 20 signals (simulated).  About 3 % of the variance can be explained."""
import sys

import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter


class Config:
    n_train, n_val, n_test = 20000, 5000, 20000
    batch = 256
    epochs = 8
    lr = 1e-3
    weight_decay = 1e-2


def make(seed=99):
    rng = np.random.default_rng(seed)
    n = Config.n_train + Config.n_val + Config.n_test
    x = np.zeros((n, 20))
    e = rng.normal(size=(n, 20))
    for t in range(1, n):
        x[t] = 0.8 * x[t - 1] + 0.6 * e[t]
    b = rng.normal(size=20) * (rng.random(20) < 0.4)
    signal = x @ b
    y = np.sqrt(0.03) * signal / signal.std() + np.sqrt(0.97) * rng.normal(size=n)
    return torch.tensor(x).float(), torch.tensor(y).float().unsqueeze(1)


class Trainer:
    def __init__(self, model, writer):
        self.model, self.writer = model, writer
        self.criterion = nn.MSELoss()
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=Config.lr, weight_decay=Config.weight_decay)
        writer.watch(model, self.optimizer, self.criterion)

    def train_epoch(self, loader):
        self.model.train()
        for x, y in loader:
            self.optimizer.zero_grad()
            self.criterion(self.model(x), y).backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()

    def evaluate(self, loader, split):
        s = c = 0
        with self.writer.evaluating(split):
            for x, y in loader:
                s += self.criterion(self.model(x), y).item() * len(y)
                c += len(y)
        return s / c


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(17)
    X, Y = make()
    a, b = Config.n_train, Config.n_train + Config.n_val
    parts = [TensorDataset(X[:a], Y[:a]), TensorDataset(X[a:b], Y[a:b]), TensorDataset(X[b:], Y[b:])]
    loaders = [DataLoader(p, batch_size=Config.batch if i == 0 else 1000, shuffle=i == 0) for i, p in enumerate(parts)]
    model = nn.Sequential(nn.Linear(20, 32), nn.GELU(), nn.Dropout(0.2), nn.Linear(32, 1))
    trainer = Trainer(model, DiagWriter(sys.argv[-1]))
    history = []
    for epoch in range(Config.epochs):
        trainer.train_epoch(loaders[0])
        history.append(trainer.evaluate(loaders[1], "val"))
        print(epoch, f"{history[-1]:.5f}")
    test = trainer.evaluate(loaders[2], "test")
    trainer.writer.close()
    var = Y[b:].var().item()
    ridge = RidgeCV(np.logspace(0, 5, 11)).fit(X[:a].numpy(), Y[:a].numpy())
    rr = ((ridge.predict(X[b:].numpy()).reshape(-1, 1) - Y[b:].numpy()) ** 2).mean()
    print(f"RESULT test_r2 {1 - test / var:.4f} ridge_r2 {1 - rr / var:.4f} test_mse {test:.4f} val_min {min(history):.4f} val_last {history[-1]:.4f}")
