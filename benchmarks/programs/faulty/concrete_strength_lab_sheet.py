import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(8)


def lab_sheet(n=2600):
    """the sheet comes as the lab keeps it, the weakest cubes on top"""
    r = np.random.default_rng(8)
    cement = r.normal(280, 70, n).clip(120, 500)
    slag = np.where(r.random(n) < .5, 0, r.normal(120, 50, n).clip(0))
    water = r.normal(182, 18, n)
    plast = np.where(r.random(n) < .4, 0, r.gamma(4, 2, n))
    gravel = r.normal(970, 70, n)
    age = r.choice([3, 7, 14, 28, 56, 90, 180], n, p=[.14, .16, .14, .26, .12, .1, .08])
    ratio = (cement + .6 * slag) / water
    strength = 24 * ratio * np.log1p(age) / np.log(29) + 3 * np.sqrt(plast) - .02 * (gravel - 970) * (ratio > 1.5)
    strength = strength + r.normal(0, 3, n)
    rows = np.column_stack([cement, slag, water, plast, gravel, np.log(age), strength])
    return rows[np.argsort(strength)].astype(np.float32)


rows = lab_sheet()
if sys.argv[1] == "fixed":
    rows = rows[np.random.default_rng(1).permutation(len(rows))]
cut = int(.8 * len(rows))
train, val = rows[:cut], rows[cut:]
mean, std = train.mean(0), train.std(0)
train = torch.from_numpy((train - mean) / std)
val = torch.from_numpy((val - mean) / std)

model = nn.Sequential(nn.Linear(6, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 1))
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
decay = torch.optim.lr_scheduler.MultiStepLR(opt, [20, 32], 0.2)
loss_fn = nn.HuberLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, loss_fn)

for epoch in range(40):
    model.train()
    total = 0.0
    for i in torch.randperm(cut).split(32):
        batch = train[i]
        loss = loss_fn(model(batch[:, :6]), batch[:, 6:])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() * len(i)
    decay.step()
    model.eval()
    with torch.no_grad():
        vloss = 0.0
        for batch in val.split(130):
            vloss += loss_fn(model(batch[:, :6]), batch[:, 6:]).item() * len(batch) / len(val)
    if epoch % 8 == 7 or epoch == 0:
        print(f"epoch {epoch:3d}  train {total / cut:.4f}  val {vloss:.4f}")
writer.close()
