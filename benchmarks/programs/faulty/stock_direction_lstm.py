"""LSTM that says whether tomorrow's return will be positive. `faulty`: the features are the last 20 returns only (a series
without memory); `fixed`: the day's order imbalance and the overnight futures move are read too."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.RandomState(7)

# ---- market -------------------------------------------------------------
T = 6000
vol = np.exp(0.3 * np.convolve(rng.randn(T + 50), np.exp(-np.arange(50) / 12), "valid")[:T] / 2.4)
imbalance = rng.randn(T)
futures = rng.randn(T)
noise = rng.standard_t(5, T) / 1.3
ret = np.empty(T)
ret[0] = 0
ret[1:] = (0.75 * imbalance[:-1] + 0.6 * futures[:-1] + 0.8 * noise[1:]) * vol[1:] * .01

LOOKBACK = 20
feats = [ret / ret[:4000].std()]
if sys.argv[1] == "fixed":
    feats += [imbalance, futures]
F_ = np.stack(feats, 1).astype("float32")
X = np.stack([F_[t - LOOKBACK + 1:t + 1] for t in range(LOOKBACK - 1, T - 1)])
y = (ret[LOOKBACK:] > 0).astype("float32")
X, y = torch.from_numpy(X), torch.from_numpy(y)
n1, n2 = 4000, 5000


class StockLSTM(nn.Module):
    def __init__(self, n_in, n_hidden=24):
        super().__init__()
        self.lstm = nn.LSTM(n_in, n_hidden, batch_first=True)
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(n_hidden, 1)

    def forward(self, x):
        h, _ = self.lstm(x)
        return self.out(self.drop(h[:, -1])).squeeze(1)


model = StockLSTM(X.shape[2])
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
bce = nn.BCEWithLogitsLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, bce)
for epoch in range(8):
    model.train()
    run = []
    for i in torch.randperm(n1).split(32):
        optimizer.zero_grad()
        loss = bce(model(X[i]), y[i])
        loss.backward()
        optimizer.step()
        run.append(loss.item())
    model.eval()
    with writer.evaluating("val"), torch.no_grad():
        o = model(X[n1:n2])
        v = bce(o, y[n1:n2]).item()
        acc = ((o > 0).float() == y[n1:n2]).float().mean().item()
    print(f"epoch {epoch} loss {np.mean(run):.4f} val_loss {v:.4f} val_acc {acc:.3f}")
with torch.no_grad():
    acc = ((model(X[n2:]) > 0).float() == y[n2:]).float().mean().item()
writer.close()
print(f"RESULT val loss {v:.4f} test hit rate {acc:.4f}")
