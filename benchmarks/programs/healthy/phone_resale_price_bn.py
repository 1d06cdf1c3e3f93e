"""Resale price of used phones: BatchNorm MLP on raw columns (the first layer is BatchNorm, no scaler), SmoothL1 on log price."""
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
rng = np.random.default_rng(1)
n = 5000
brand = rng.integers(0, 12, n)
prestige = rng.normal(0, .35, 12)[brand]
year = rng.integers(2013, 2021, n)
ram = 2 ** rng.integers(0, 4, n) * np.where(year > 2017, 1, .5)
storage = 2.0 ** rng.integers(3, 9, n)
battery = 1800 + 280 * (year - 2013) + rng.normal(0, 500, n)
camera = np.clip(5 + 1.6 * (year - 2013) + 8 * prestige + rng.normal(0, 4, n), .3, None)
screen = 11 + .55 * (year - 2013) + rng.normal(0, 1.6, n)
days_used = (2021 - year) * 120 + rng.gamma(4, 60, n)
new_price = np.exp(4.6 + prestige + .22 * np.log2(ram + 1) + .08 * np.log2(storage) + .012 * camera + .06 * (year - 2013) + rng.normal(0, .2, n))
used_price = new_price * np.exp(-.25 - .0009 * days_used * (1 + .4 * (prestige < 0)) + rng.normal(0, .13, n))
frame = pd.DataFrame(dict(year=year, ram=ram, storage=storage, battery=battery, camera=camera, screen=screen, days=days_used, new_price=new_price))
frame = pd.concat([frame, pd.get_dummies(brand, prefix="brand")], axis=1).astype(np.float32)
target = np.log(used_price).astype(np.float32)
X_tr, X_va, y_tr, y_va = (torch.from_numpy(np.asarray(a)) for a in train_test_split(frame.values, target, test_size=.2, random_state=1))


class PriceNet(nn.Module):
    def __init__(self, n_in, y_mean):
        super().__init__()
        layers, width = [nn.BatchNorm1d(n_in)], n_in
        for h in (64, 32):
            layers += [nn.Linear(width, h), nn.BatchNorm1d(h), nn.ReLU()]
            width = h
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(width, 1)
        nn.init.constant_(self.head.bias, y_mean)      # start from the mean price

    def forward(self, x):
        return self.head(self.body(x)).flatten()


net = PriceNet(X_tr.shape[1], y_tr.mean().item())
loss_fn = nn.SmoothL1Loss(beta=.3)
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=.85)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, loss_fn)
for epoch in range(20):
    net.train()
    seen, tot = 0, 0.
    for idx in torch.randperm(len(X_tr)).split(64):
        if len(idx) < 2:
            continue
        loss = loss_fn(net(X_tr[idx]), y_tr[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tot += loss.item() * len(idx)
        seen += len(idx)
    scheduler.step()
    net.eval()
    with writer.evaluating("val"), torch.no_grad():
        p = net(X_va)
        val = loss_fn(p, y_va).item()
    mape = ((p - y_va).exp() - 1).abs().mean().item()
    print(f"epoch {epoch + 1:2d} | {tot / seen:.4f} | {val:.4f} | MAPE {100 * mape:.1f} %")
writer.close()
print(f"RESULT train {tot / seen:.5f} val {val:.5f} MAPE {mape:.4f}")
