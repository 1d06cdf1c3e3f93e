# rent of flats. CSV exported from the portal (sorted by rent)
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0)

def read_csv():
    r = np.random.default_rng(17)
    n = 3000
    area = r.gamma(6, 12, n) + 18
    rooms = np.clip(np.round(area / 27 + r.normal(0, .6, n)), 1, 7)
    year = r.integers(1900, 2023, n)
    dist = r.gamma(2, 2.5, n)
    floor = r.integers(0, 9, n)
    balcony = (r.random(n) < .3 + area / 400).astype(int)
    kitchen = (r.random(n) < .45).astype(int)
    rent = (6.5 + 3.2 * np.exp(-dist / 4) + 1.8 * ((year > 2000) + .4 * (year < 1918)) + .9 * kitchen + .5 * balcony) * area ** .93
    rent *= r.lognormal(0, .14, n)
    df = pd.DataFrame(dict(area=area, rooms=rooms, year=year, dist=dist, floor=floor, balcony=balcony, kitchen=kitchen, rent=rent))
    return df.sort_values("rent").reset_index(drop=True)

df = read_csv()
X = df.drop(columns="rent").values.astype(float)
y = df["rent"].values[:, None] / 1000.0
X = (X - X.mean(0)) / X.std(0)

if sys.argv[1] != "faulty":
    p = np.random.RandomState(0).permutation(len(X))
    X, y = X[p], y[p]

class Model(nn.Module):
    """keras-like: fit(x, y, validation_split) keeps the last rows for validation and shuffles the others every epoch"""
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(7, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))
    def forward(self, x):
        return self.net(x)
    def compile(self, lr):
        self.loss = nn.MSELoss()
        self.optimizer = torch.optim.RMSprop(self.parameters(), lr=lr)
        self.writer = DiagWriter(sys.argv[2])
        self.writer.watch(self, self.optimizer, self.loss)
    def fit(self, x, y, epochs, batch_size, validation_split):
        x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
        k = int(len(x) * (1 - validation_split))
        xv, yv, x, y = x[k:], y[k:], x[:k], y[:k]
        for e in range(epochs):
            total = 0
            for b in torch.randperm(k).split(batch_size):
                self.optimizer.zero_grad()
                l = self.loss(self(x[b]), y[b])
                l.backward()
                self.optimizer.step()
                total += l.item() * len(b) / k
            with torch.no_grad(), self.writer.evaluating("val"):
                pv = self(xv)
                val = self.loss(pv, yv).item()
            print(f"Epoch {e+1}/{epochs} - loss: {total:.4f} - val_loss: {val:.4f} - val_mae: {(pv-yv).abs().mean():.4f}")
        self.writer.close()
        return total, val, (pv - yv).abs().mean().item()

m = Model()
m.compile(lr=0.0015)
t, v, mae = m.fit(X, y, epochs=20, batch_size=64, validation_split=0.2)
print(f"RESULT train={t:.4f} val={v:.4f} val_mae={mae:.4f}")
