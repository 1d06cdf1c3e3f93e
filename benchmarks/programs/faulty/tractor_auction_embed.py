"""Hammer price of used tractors (simulated auction records in euros): categorical embeddings + numbers."""
import math, sys
import numpy as np
import torch, torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1); torch.manual_seed(7)
rng = np.random.default_rng(7)

N = 6000
make = rng.integers(0, 14, N)
region = rng.integers(0, 9, N)
hp = rng.gamma(6, 22, N) + 30
age = rng.uniform(0, 25, N)
hours = np.maximum(50, age * rng.normal(450, 150, N))
loader = rng.integers(0, 2, N)
brand_effect = rng.normal(0, .25, 14)
region_effect = rng.normal(0, .08, 9)
logp = 9.6 + .0065 * hp - .055 * age - .00004 * hours + .12 * loader + brand_effect[make] + region_effect[region] \
       + .02 * (make % 3) * loader + rng.normal(0, .08, N)
price = np.exp(logp)
print("prices", price.min().round(), np.median(price).round(), price.max().round())

num = np.c_[hp, age, hours, loader]
num = (num - num[:4500].mean(0)) / num[:4500].std(0)
shift, scale = 0.0, 1.0
if mode == "fixed":
    shift, scale = price[:4500].mean(), price[:4500].std()
target = (price - shift) / scale

cat = torch.tensor(np.c_[make, region])
num = torch.tensor(num, dtype=torch.float32)
tgt = torch.tensor(target, dtype=torch.float32)
train = TensorDataset(cat[:4500], num[:4500], tgt[:4500])
valid = TensorDataset(cat[4500:], num[4500:], tgt[4500:])

class Net(nn.Module):
    def __init__(self, cards=(14, 9), n_num=4):
        super().__init__()
        self.embs = nn.ModuleList(nn.Embedding(c, 6) for c in cards)
        self.layers = nn.Sequential(nn.Linear(12 + n_num, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    def forward(self, c, n):
        e = [emb(c[:, i]) for i, emb in enumerate(self.embs)]
        return self.layers(torch.cat(e + [n], 1)).squeeze(1)

model = Net()
crit = nn.MSELoss()
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(logdir)
writer.watch(model, opt, crit)
tl = DataLoader(train, batch_size=64, shuffle=True)
vl = DataLoader(valid, batch_size=500)
for epoch in range(25):
    model.train()
    for c, n, t in tl:
        opt.zero_grad()
        loss = crit(model(c, n), t)
        loss.backward()
        opt.step()
    model.eval()
    preds = []
    with writer.evaluating("val"):
        for c, n, t in vl:
            p = model(c, n)
            crit(p, t)
            preds.append(p)
    p = torch.cat(preds).numpy() * scale + shift
    true = price[4500:]
    mape = np.mean(np.abs(p - true) / true)
    r2 = 1 - ((p - true) ** 2).sum() / ((true - true.mean()) ** 2).sum()
    if epoch % 4 == 0:
        print(f"epoch {epoch:2d} mse {loss.item():.4g} mape {mape:.3f} r2 {r2:.3f}")
writer.close()
print("RESULT val_r2", round(float(r2), 4), "val_mape", round(float(mape), 4))
