# Electricity-load style forecasting: 48 h history -> next hour, GRU (Kaggle-notebook-turned-script)
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1); torch.manual_seed(42); np.random.seed(42)

idx = pd.date_range("2021-01-01", periods=2600, freq="h")
df = pd.DataFrame(index=idx)
df["load"] = 50 + 12 * np.sin(2 * np.pi * idx.hour / 24) + 6 * np.sin(4 * np.pi * idx.hour / 24 + 1) - 9 * (idx.dayofweek >= 5) + np.cumsum(np.random.normal(0, .25, len(idx))) * .3 + np.random.normal(0, 1.2, len(idx))
df["hour_sin"] = np.sin(2 * np.pi * idx.hour / 24); df["hour_cos"] = np.cos(2 * np.pi * idx.hour / 24)
df["weekend"] = (idx.dayofweek >= 5).astype(float)
n_train = 2000
mu, sd = df["load"][:n_train].mean(), df["load"][:n_train].std()
df["load"] = (df["load"] - mu) / sd
vals = df.values.astype(np.float32)
W = 36
X = np.stack([vals[i:i + W] for i in range(len(vals) - W)])
Y = vals[W:, :1]
Xtr, Ytr, Xva, Yva = map(torch.from_numpy, (X[:n_train - W], Y[:n_train - W], X[n_train:], Y[n_train:]))
train_dl = DataLoader(TensorDataset(Xtr, Ytr), batch_size=32, shuffle=True)
val_dl = DataLoader(TensorDataset(Xva, Yva), batch_size=128)


class GRUNet(nn.Module):
    def __init__(self, n_feat, hidden=32):
        super().__init__()
        self.gru = nn.GRU(n_feat, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.fc(self.gru(x)[0][:, -1])


model = GRUNet(X.shape[2])
LR = 5e-5 if mode == "faulty" else 2e-3
optimizer = torch.optim.Adam(model.parameters(), lr=LR)
criterion = nn.MSELoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(10):
    model.train(); tl = []
    for xb, yb in train_dl:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        tl.append(loss.item())
    vl = []
    with writer.evaluating("val"):
        for xb, yb in val_dl:
            vl.append(criterion(model(xb), yb).item())
    print(f"Epoch {epoch+1:02d} | train {np.mean(tl):.4f} | val {np.mean(vl):.4f}")
writer.close()
