# three raw columns of very different size, uniform init, batch 1
import sys
import numpy as np
import torch
from torch import nn
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(7)
rng = np.random.default_rng(7)
n = 900
x = np.stack([rng.normal(70000, 15000, n), rng.uniform(1, 30, n), rng.normal(0.5, 0.15, n)], 1)
z = (x[:, 0] - 70000) / 15000 * 0.6 - (x[:, 1] - 15.5) / 8.4 * 1.5 + (x[:, 2] - 0.5) / 0.15 * 1.5
y = (z + 0.3 * rng.standard_normal(n) > 0).astype("float32")
if not faulty:
    x = (x - x.mean(0)) / x.std(0)
x, xt, y, yt = (torch.tensor(a, dtype=torch.float32) for a in train_test_split(x, y, test_size=0.33, random_state=7))
y, yt = y[:, None], yt[:, None]

model = nn.Sequential(nn.Linear(3, 12), nn.ReLU(), nn.Linear(12, 3), nn.ReLU(), nn.Linear(3, 1), nn.Sigmoid())
for m in model:
    if isinstance(m, nn.Linear):
        nn.init.uniform_(m.weight, -0.05, 0.05)
        nn.init.zeros_(m.bias)
loss_fn = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
batch = 1 if faulty else 10

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(12 if faulty else 100):
    model.train()
    order = torch.randperm(len(x))
    for i in range(0, len(x), batch):
        b = order[i:i + batch]
        optimizer.zero_grad()
        loss = loss_fn(model(x[b]), y[b])
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        p = model(xt)
        val = loss_fn(p, yt).item()
writer.close()
print(f"RESULT val_loss={val:.4f} val_acc={((p > 0.5).float() == yt).float().mean().item():.3f}")
