"""A deep regressor for time series in scikit-learn's clothes (fit / predict)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import r2_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class CNNNetwork(nn.Module):
    def __init__(self, n_channels, filters=(8, 16), kernel=7, avg_pool=3):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(n_channels, filters[0], kernel, padding=3), nn.ReLU(), nn.AvgPool1d(avg_pool),
            nn.Conv1d(filters[0], filters[1], kernel, padding=3), nn.ReLU(), nn.AvgPool1d(avg_pool))
        self.out = nn.LazyLinear(1)

    def forward(self, X):
        return self.out(self.features(X).flatten(1))


class TorchRegressor(BaseEstimator, RegressorMixin):
    def __init__(self, num_epochs=12, batch_size=32, lr=0.002, random_state=0, logdir=None):
        self.num_epochs, self.batch_size, self.lr = num_epochs, batch_size, lr
        self.random_state, self.logdir = random_state, logdir

    def _run_epoch(self, X, y):
        self.network.train()
        losses = []
        for idx in torch.randperm(len(X)).split(self.batch_size):
            y_pred = self.network(X[idx])
            if sys.argv[1] != "faulty":
                y_pred = y_pred.squeeze(-1)
            loss = self._criterion(y_pred, y[idx])
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            losses.append(loss.item())
        return np.mean(losses)

    def fit(self, X, y, X_val, y_val):
        torch.manual_seed(self.random_state)
        X, X_val = torch.as_tensor(X), torch.as_tensor(X_val)
        self.y_mean_, self.y_std_ = y.mean(), y.std()
        y, y_val = ((torch.as_tensor(a) - self.y_mean_) / self.y_std_ for a in (y, y_val))
        self.network = CNNNetwork(X.shape[1])
        self.network(X[:2])
        self._criterion = nn.MSELoss()
        self._optimizer = torch.optim.Adam(self.network.parameters(), lr=self.lr)
        writer = DiagWriter(self.logdir)
        writer.watch(self.network, self._optimizer, self._criterion)
        for epoch in range(self.num_epochs):
            loss = self._run_epoch(X, y)
            with writer.evaluating("val"), torch.no_grad():
                self.network.eval()
                self.val_loss_ = self._criterion(self.network(X_val).squeeze(-1), y_val).item()
            print(f"Epoch {epoch + 1}: loss {loss:.4f}  val {self.val_loss_:.4f}")
        writer.close()
        return self

    def predict(self, X):
        with torch.no_grad():
            return self.network(torch.as_tensor(X)).squeeze(-1).numpy() * self.y_std_ + self.y_mean_


def dried_fruit_drum(n, seed):
    """moisture of a batch (percent) from 60 readings of two humidity sensors in the drum"""
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 1, 60)
    moist = rng.gamma(9, 2.2, n)
    rate = 1.5 + 40 / (moist + 6) + rng.normal(0, .25, n)
    lag = rng.uniform(0, .15, n)
    a = np.exp(-rate[:, None] * np.clip(t - lag[:, None], 0, None)) + rng.normal(0, .06, (n, 60))
    b = .5 * np.exp(-.6 * rate[:, None] * t) + .02 * moist[:, None] + rng.normal(0, .15, (n, 60)) + rng.normal(0, .15, (n, 1))
    return np.stack([a - .3, b - .6], 1).astype("f") * 2, moist.astype("f")


X_train, y_train = dried_fruit_drum(2400, 0)
X_test, y_test = dried_fruit_drum(600, 1)
reg = TorchRegressor(logdir=sys.argv[2]).fit(X_train, y_train, X_test, y_test)
print(f"RESULT val_loss={reg.val_loss_:.4f} r2={r2_score(y_test, reg.predict(X_test)):.4f}")
