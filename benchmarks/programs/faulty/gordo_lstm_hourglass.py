import sys
import numpy as np
import torch
from torch import nn
from sklearn.preprocessing import MinMaxScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)

# ten tags of a machine: a few slow modes, engineering units (degC, bar, rpm/10, A ...)
n, tags, lookback = 4000, 10, 10
t = np.arange(n)
modes = np.stack([np.sin(t / 40), np.cos(t / 95 + 1), np.sin(t / 17 + .5), np.sign(np.sin(t / 300))], 1)
load = np.random.RandomState(1).uniform(-1, 1, (4, tags))
lo = np.array([20, 60, 0, 150, 5, 300, 45, 80, 10, 210.])
hi = np.array([90, 85, 40, 420, 35, 480, 130, 260, 75, 250.])
raw = modes @ load
raw = (raw - raw.min(0)) / (raw.max(0) - raw.min(0)) + 0.03 * np.random.randn(n, tags)
X = lo + (hi - lo) * raw
y = X.copy()

split = 3000
X = MinMaxScaler().fit(X[:split]).transform(X)
target_scaler = MinMaxScaler().fit(y[:split])
if sys.argv[1] == "fixed":                       # TransformedTargetRegressor(transformer=MinMaxScaler())
    y = target_scaler.transform(y)


def windows(a, b):
    i = np.arange(a + lookback - 1, b)
    w = np.stack([X[k - lookback + 1:k + 1] for k in i])
    return torch.tensor(w, dtype=torch.float32), torch.tensor(y[i], dtype=torch.float32)


class LSTMHourglass(nn.Module):
    def __init__(self, dims=(16, 8, 8, 16)):
        super().__init__()
        sizes = (tags,) + dims
        self.layers = nn.ModuleList(nn.LSTM(a, b, batch_first=True) for a, b in zip(sizes, sizes[1:]))
        self.out = nn.Linear(dims[-1], tags)

    def forward(self, x):
        for l in self.layers:
            x, _ = l(x)
        return self.out(x[:, -1])


xtr, ytr = windows(0, split)
xva, yva = windows(split, n)
model = LSTMHourglass()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
loss = nn.MSELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss)
for epoch in range(20):
    model.train()
    for b in torch.randperm(len(xtr)).split(64):
        optimizer.zero_grad()
        l = loss(model(xtr[b]), ytr[b])
        l.backward()
        optimizer.step()
    model.eval()
    with writer.evaluating("val"), torch.no_grad():
        p = model(xva)
        v = loss(p, yva).item()
    if epoch % 4 == 3:
        print(f"Epoch {epoch + 1}/20 - loss: {l.item():.4f} - val_loss: {v:.4f}")
writer.close()
yv = yva.numpy()
r2 = 1 - ((p.numpy() - yv) ** 2).sum(0) / ((yv - yv.mean(0)) ** 2).sum(0)
print(f"RESULT explained variance of the tags {r2.mean():.4f} (worst {r2.min():.4f})")
