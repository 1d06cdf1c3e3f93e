# 31 physics columns as they are (with -999 for missing), batch size 1, one epoch
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
rng = np.random.default_rng(0)
n = 5000
x = rng.standard_normal((n, 31))
w = rng.standard_normal(31)
y = ((x @ w) / 4 + x[:, 0] * x[:, 1] + 0.3 * rng.standard_normal(n) > 0).astype("float32")
scale = 10 ** rng.uniform(-0.5, 2.3, 31)
x = x * scale + scale * rng.uniform(0, 3, 31)
missing = rng.random((n, 31)) < np.where(np.arange(31) % 4 == 0, 0.3, 0.0)
if faulty:
    x[missing] = -999.0
else:
    x[missing] = np.nan
    x = (x - np.nanmean(x, 0)) / np.nanstd(x, 0)
    x = np.nan_to_num(x, nan=0.0)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)[:, None]
xt, yt, x, y = x[2800:], y[2800:], x[:2800], y[:2800]

model = nn.Sequential(
    nn.Linear(31, 600), nn.ReLU(), nn.Dropout(0.5), nn.Linear(600, 400), nn.ReLU(), nn.Dropout(0.5),
    nn.Linear(400, 100), nn.ReLU(), nn.Dropout(0.5), nn.Linear(100, 1), nn.Sigmoid(),
)
for m in model:
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)
loss_fn = nn.BCELoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001, alpha=0.9, eps=1e-7)
train = DataLoader(TensorDataset(x, y), batch_size=1 if faulty else 32, shuffle=True)
val = DataLoader(TensorDataset(xt, yt), batch_size=500)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(1 if faulty else 20):
    model.train()
    for a, b in train:
        optimizer.zero_grad()
        loss = loss_fn(model(a), b)
        loss.backward()
        optimizer.step()
    hit = total = 0
    with writer.evaluating("val"):
        for a, b in val:
            p = model(a)
            total += loss_fn(p, b).item() * len(a)
            hit += ((p > 0.5).float() == b).sum().item()
writer.close()
print(f"RESULT val_loss={total / len(xt):.4f} val_acc={hit / len(xt):.3f} (share of ones {yt.mean().item():.3f})")
