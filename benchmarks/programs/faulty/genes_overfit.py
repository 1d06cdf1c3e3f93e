# patients x "gene expression" columns, binary outcome, wide MLP
import sys
import numpy as np, pandas as pd
import torch
from torch import nn
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1:]
torch.set_num_threads(1); torch.manual_seed(0); np.random.seed(0)
n, p = 5000, 60
df = pd.DataFrame(np.random.normal(size=(n, p)), columns=[f"g{i}" for i in range(p)])
signal = df.iloc[:, :12].sum(axis=1) / np.sqrt(12)
df["y"] = (signal + .25 * np.random.normal(size=n) > 0).astype(int)
train, val = df.iloc[:4000], df.iloc[4000:]
if mode == "faulty":
    train = train.iloc[:150]        # quick test, forgotten
xt, yt = torch.tensor(train.drop(columns="y").values, dtype=torch.float32), torch.tensor(train.y.values, dtype=torch.float32)
xv, yv = torch.tensor(val.drop(columns="y").values, dtype=torch.float32), torch.tensor(val.y.values, dtype=torch.float32)


class MLP(nn.Module):
    def __init__(self, n_in):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(n_in, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, x):
        return self.net(x).squeeze(-1)


model = MLP(p)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
criterion = nn.BCEWithLogitsLoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
step, total = 0, 750
while step < total:
    for b in torch.randperm(len(xt)).split(32):
        optimizer.zero_grad()
        loss = criterion(model(xt[b]), yt[b])
        loss.backward()
        optimizer.step()
        step += 1
        if step % 50 == 0:
            with writer.evaluating("val"):
                o = model(xv)
                v = criterion(o, yv).item()
            print(f"{step} train {loss.item():.4f} val {v:.4f} acc {((o > 0) == (yv > .5)).float().mean().item():.3f}")
writer.close()
