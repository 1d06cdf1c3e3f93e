# census table: raw columns, some of them 1e5 large, small network
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
n = 8000
age = rng.integers(17, 90, n)
edu = rng.integers(1, 17, n)
hours = np.clip(rng.normal(40, 12, n), 1, 99)
married = rng.integers(0, 2, n)
fnlwgt = rng.lognormal(12, 0.5, n)
gain = np.where(rng.random(n) < 0.08, rng.lognormal(8.5, 0.8, n), 0)
loss_ = np.where(rng.random(n) < 0.05, rng.normal(1900, 300, n), 0)
cats = [rng.integers(0, k, n) for k in (9, 16, 7, 15, 6, 5, 2)]
z = 0.35 * (edu - 9) + 1.6 * (married - 0.5) + 0.05 * (hours - 40) - ((age - 48) / 18) ** 2 + (gain > 4000) * 3 - 0.6
y = (z + rng.logistic(0, 0.4, n) > 0.4).astype("int64")
x = np.stack([age, cats[0], fnlwgt, cats[1], edu, married, cats[3], cats[4], cats[5], cats[6], gain, loss_, hours, cats[2]], 1).astype("float32")
if not faulty:
    x = (x - x.mean(0)) / x.std(0)
x, y = torch.tensor(x), torch.tensor(y)
train = DataLoader(TensorDataset(x[:6500], y[:6500]), batch_size=100, shuffle=True)
val = DataLoader(TensorDataset(x[6500:], y[6500:]), batch_size=500)

model = nn.Sequential(nn.Linear(14, 21), nn.ReLU(), nn.Linear(21, 2))
for m in (model[0], model[2]):
    nn.init.xavier_uniform_(m.weight)
    nn.init.zeros_(m.bias)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(50):
    model.train()
    for a, b in train:
        optimizer.zero_grad()
        loss = loss_fn(model(a), b)
        loss.backward()
        optimizer.step()
    hit = 0
    total = 0.0
    with writer.evaluating("val"):
        for a, b in val:
            p = model(a)
            total += loss_fn(p, b).item() * len(a)
            hit += (p.argmax(1) == b).sum().item()
writer.close()
print(f"RESULT val_loss={total / 1500:.4f} val_acc={hit / 1500:.3f} majority={max(y.float().mean().item(), 1 - y.float().mean().item()):.3f}")
