"""Fine-tune-style fingerprint regression: solubility-like target of made-up molecules (bags of fragments)."""
import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

ap = argparse.ArgumentParser()
ap.add_argument("form")
ap.add_argument("logdir")
ap.add_argument("--val-fraction", type=float, default=0.15)
ap.add_argument("--epochs", type=int, default=40)
args = ap.parse_args()
torch.set_num_threads(1)
torch.manual_seed(12)
np.random.seed(12)


def molecules(n):
    """Fragment counts, hashed to 256 bits; neighbours in the table come from the same paper and look alike."""
    rng = np.random.RandomState(12)
    contribution = rng.normal(0, 0.5, 80)
    hashing = rng.randint(0, 256, (80, 3))
    counts = np.zeros((n, 80))
    for start in range(0, n, 20):
        scaffold = rng.choice(80, 6, replace=False)
        for i in range(start, min(start + 20, n)):
            frags = np.concatenate([scaffold, rng.choice(80, rng.randint(4, 10))])
            np.add.at(counts[i], frags, 1)
    bits = np.zeros((n, 256), np.float32)
    for f in range(80):
        bits[np.ix_(counts[:, f] > 0, hashing[f])] = 1
    logs = counts @ contribution - 0.15 * counts.sum(1) + 0.3 * (counts[:, 0] * counts[:, 1] > 0)
    return bits, (logs + rng.normal(0, 0.25, n)).astype(np.float32)


class Regressor:
    def __init__(self, hidden=96):
        self.net = nn.Sequential(nn.Linear(256, hidden), nn.ReLU(), nn.Dropout(0.2), nn.Linear(hidden, hidden), nn.ReLU(),
                                 nn.Dropout(0.2), nn.Linear(hidden, 1))
        self.opt = torch.optim.AdamW(self.net.parameters(), lr=7e-4, weight_decay=0.02)
        self.loss = nn.MSELoss()

    def fit(self, X, y, val_fraction, epochs):
        self.mu, self.sigma = y.mean(), y.std()
        y = (y - self.mu) / self.sigma
        if val_fraction > 0:
            perm = np.random.permutation(len(X))
            n_val = int(len(X) * val_fraction)
            val_idx, train_idx = perm[:n_val], perm[n_val:]
            X_val, y_val = X[val_idx], y[val_idx]
            X_train = X[train_idx]
            if args.form == "faulty":
                y_train = y[n_val:]
            else:
                y_train = y[train_idx]
        loader = DataLoader(TensorDataset(torch.tensor(X_train), torch.tensor(y_train)[:, None]), 64, shuffle=True)
        val_loader = DataLoader(TensorDataset(torch.tensor(X_val), torch.tensor(y_val)[:, None]), 256)
        writer = DiagWriter(args.logdir)
        writer.watch(self.net, self.opt, self.loss)
        for epoch in range(epochs):
            self.net.train()
            total = 0.0
            for xb, yb in loader:
                self.opt.zero_grad()
                out = self.loss(self.net(xb), yb)
                out.backward()
                self.opt.step()
                total += out.item() * len(xb)
            self.net.eval()
            with torch.no_grad():
                val = np.mean([self.loss(self.net(xb), yb).item() for xb, yb in val_loader])
            if epoch % 8 == 7:
                print(f"epoch {epoch + 1}: train {total / len(X_train):.4f} val {val:.4f}")
        writer.close()
        return val

    def predict(self, X):
        self.net.eval()
        with torch.no_grad():
            return self.net(torch.tensor(X)).numpy().ravel() * self.sigma + self.mu


X, y = molecules(6000)
test = np.arange(len(X)) % 200 >= 160     # whole papers are kept apart
model = Regressor()
val = model.fit(X[~test], y[~test], args.val_fraction, args.epochs)
err = model.predict(X[test]) - y[test]
print(f"RESULT val_mse {val:.4f} test_rmse {np.sqrt((err ** 2).mean()):.4f} test_r2 {1 - (err ** 2).mean() / y[test].var():.4f}")
