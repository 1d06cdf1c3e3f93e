# Yesterday's availability of the bikes (36 samples of 6 features) -> the whole next day (36 values)
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(5)
rng = np.random.default_rng(5)
faulty = sys.argv[1] == "faulty"
len_day = 36


def make_days(n):
    """availability in 0..1 of a station, with weather, weekday and a slow level"""
    t = np.arange(len_day) / len_day
    level = 0.0
    avail = np.zeros((n, len_day)); feats = np.zeros((n, len_day, 6))
    temp = 0.0
    for d in range(n):
        wd = d % 7
        level = 0.92 * level + 0.25 * rng.normal()
        temp = 0.8 * temp + 0.6 * rng.normal()
        weekend = wd >= 5
        shape = (-1.6 * np.exp(-((t - .36) / .07) ** 2) + 1.3 * np.exp(-((t - .74) / .08) ** 2)) * (0.25 if weekend else 1.)
        shape = shape + 0.7 * np.cos(2 * np.pi * (t - .1)) - (0.8 * np.exp(-((t - .6) / .15) ** 2) if weekend else 0)
        noise = np.zeros(len_day); e = 0
        for k in range(len_day):
            e = 0.7 * e + 0.18 * rng.normal(); noise[k] = e
        avail[d] = 1 / (1 + np.exp(-(0.9 * shape + level - 0.25 * temp + noise)))
        feats[d, :, 0] = avail[d]
        feats[d, :, 1] = np.sin(2 * np.pi * t); feats[d, :, 2] = np.cos(2 * np.pi * t)
        feats[d, :, 3] = 1. if (wd + 1) % 7 >= 5 else 0.          # is tomorrow a weekend
        feats[d, :, 4] = temp
        feats[d, :, 5] = 1. if weekend else 0.
    return feats[:-1].astype("float32"), avail[1:].astype("float32")


X, Y = make_days(1801)
perm = rng.permutation(len(X))
tr, va = perm[:1400], perm[1400:]
train_loader = DataLoader(TensorDataset(torch.tensor(X[tr]), torch.tensor(Y[tr])), batch_size=50, shuffle=True)
val_x, val_y = torch.tensor(X[va]), torch.tensor(Y[va])

lstm_neurons = 24


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = nn.LSTM(6, lstm_neurons * 2, batch_first=True)
        self.l2 = nn.LSTM(lstm_neurons * 2, lstm_neurons * 2, batch_first=True)
        self.out = nn.Linear(lstm_neurons * 2, len_day)

    def forward(self, x):
        x, _ = self.l1(x)
        _, (h, _) = self.l2(x)
        x = self.out(h[-1])
        if faulty:
            return torch.softmax(x, dim=1)
        return x


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, mse)

for epoch in range(20):
    model.train()
    tot = 0.
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = mse(model(xb), yb)
        loss.backward()
        optimizer.step()
        tot += loss.item() * len(xb)
    model.eval()
    with writer.evaluating("val"), torch.no_grad():
        vl = mse(model(val_x), val_y)
    print(f"Epoch {epoch + 1}/20 - loss: {tot / len(tr):.4f} - rmse: {(tot / len(tr)) ** .5:.4f} - val_loss: {vl.item():.4f}")
writer.close()
print(f"RESULT val_mse={vl.item():.4f} (variance of the targets {val_y.var().item():.4f})")
