import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.manual_seed(42)
np.random.seed(42)
torch.set_num_threads(1)


def build_features(n):
    """scores that four judge models gave an essay (different scales), length statistics; human grade as target"""
    quality = np.random.beta(4, 3, n)
    length = np.random.gamma(6, 60, n) * (0.6 + 0.8 * quality)
    judges = np.column_stack([
        100 * (quality + 0.08 * np.random.randn(n)),
        10 * (quality ** 1.3 + 0.06 * np.random.randn(n)),
        5 * np.round(4 * (quality + 0.15 * np.random.randn(n))) / 4,
        1 / (1 + np.exp(-8 * (quality - 0.5 + 0.1 * np.random.randn(n))))])
    sents = length / np.random.normal(17, 2, n)
    errs = np.random.poisson(np.clip(18 * (1 - quality), 0.5, None))
    X = np.column_stack([judges, length, sents, errs])
    y = 3 * quality + 0.9 * np.tanh(length / 300 - 1) - 0.4 * np.log1p(errs) * (1 - quality) + 0.15 * np.random.randn(n)
    return X.astype(np.float32), y.astype(np.float32)


class MetaScorer(nn.Module):
    def __init__(self, input_dim, hidden=64):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(input_dim, hidden), nn.ReLU(), nn.Dropout(0.1),
            nn.Linear(hidden, hidden // 2), nn.ReLU(),
            nn.Linear(hidden // 2, 1))

    def forward(self, x):
        return self.layers(x).squeeze(-1)


class EnsembleScoring:
    def __init__(self, form, logdir, lr=1e-3, epochs=40, batch_size=32):
        self.form, self.lr, self.epochs, self.batch_size = form, lr, epochs, batch_size
        self.scaler = None
        self.writer = DiagWriter(logdir)

    def train(self, X, y):
        self.scaler = StandardScaler().fit(X)
        Xs = torch.tensor(self.scaler.transform(X), dtype=torch.float32)
        k = int(0.85 * len(Xs))
        yt = torch.tensor(y)
        train_loader = DataLoader(TensorDataset(Xs[:k], yt[:k]), batch_size=self.batch_size, shuffle=True)
        val_loader = DataLoader(TensorDataset(Xs[k:], yt[k:]), batch_size=256)
        self.model = MetaScorer(X.shape[1])
        self.criterion = nn.MSELoss()
        self.optimizer = optim.Adam(self.model.parameters(), lr=self.lr)
        self.writer.watch(self.model, self.optimizer, self.criterion)
        for epoch in range(self.epochs):
            self.model.train()
            total = 0.0
            for xb, yb in train_loader:
                self.optimizer.zero_grad()
                loss = self.criterion(self.model(xb), yb)
                loss.backward()
                self.optimizer.step()
                total += loss.item() * len(xb)
            with self.writer.evaluating("val"):
                val = np.mean([self.criterion(self.model(xb), yb).item() for xb, yb in val_loader])
            if (epoch + 1) % 10 == 0:
                print(f"[{epoch + 1}/{self.epochs}] train {total / k:.4f} val {val:.4f}")

    def scoring(self, X, y):
        if self.form == "fixed":
            X = self.scaler.transform(X)
        Xt = torch.tensor(X, dtype=torch.float32)
        with self.writer.evaluating("test"):
            pred = self.model(Xt)
            loss = self.criterion(pred, torch.tensor(y))
        return pred.numpy(), loss.item()


def main():
    X, y = build_features(2000)
    X_new, y_new = build_features(500)
    system = EnsembleScoring(sys.argv[1], sys.argv[2])
    system.train(X, y)
    pred, mse = system.scoring(X_new, y_new)
    corr = np.corrcoef(pred, y_new)[0, 1]
    system.writer.close()
    print(f"RESULT scoring_mse {mse:.4f} scoring_corr {corr:.4f}")


if __name__ == "__main__":
    main()
