#!/usr/bin/env python
# Daily bread demand per shop (simulated, three years, 12 shops). Entity embeddings + weather numbers -> log(sales+1).
import argparse
import math

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def make_table(seed=11, n_shops=12, n_days=1095):
    rng = np.random.default_rng(seed)
    day = np.arange(n_days)
    temp = 11 - 9 * np.cos(2 * np.pi * day / 365) + rng.normal(0, 3, n_days)
    rain = rng.gamma(0.6, 3.0, n_days)
    holiday = (rng.random(n_days) < 0.03).astype(int)
    size = rng.normal(5.0, 0.4, n_shops)
    wk = rng.normal(0, 0.2, (n_shops, 7))
    rows = []
    for s in range(n_shops):
        mu = size[s] + wk[s, day % 7] - 0.012 * (temp - 11) - 0.015 * np.minimum(rain, 12) + 0.35 * holiday + 0.08 * np.sin(2 * np.pi * day / 365)
        y = mu + rng.normal(0, 0.12, n_days)
        rows.append(np.c_[np.full(n_days, s), day % 7, holiday, temp, rain, day, y])
    return np.concatenate(rows)


class DemandNet(nn.Module):
    def __init__(self, n_shops=12):
        super().__init__()
        self.shop = nn.Embedding(n_shops, 6)
        self.weekday = nn.Embedding(7, 4)
        self.body = nn.Sequential(nn.Linear(6 + 4 + 5, 128), nn.ReLU(), nn.Dropout(0.05), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, cats, nums):
        return self.body(torch.cat([self.shop(cats[:, 0]), self.weekday(cats[:, 1]), nums], 1)).squeeze(1)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--epochs", type=int, default=25)
    p.add_argument("--lr", type=float, default=2e-3)
    p.add_argument("--batch-size", type=int, default=128)
    p.add_argument("logdir")
    a = p.parse_args()
    torch.manual_seed(0)

    t = make_table()
    cats = torch.tensor(t[:, :2]).long()
    season = 2 * math.pi * t[:, 5] / 365
    nums = np.c_[t[:, 2], t[:, 3], t[:, 4], np.sin(season), np.cos(season)]
    tr, va, te = t[:, 5] < 730, (t[:, 5] >= 730) & (t[:, 5] < 910), t[:, 5] >= 910
    m, s = nums[tr].mean(0), nums[tr].std(0)
    nums = torch.tensor((nums - m) / s).float()
    ym, ys = t[tr, 6].mean(), t[tr, 6].std()
    y = torch.tensor((t[:, 6] - ym) / ys).float()

    def loader(mask, shuffle=False):
        mask = torch.tensor(mask)
        return DataLoader(TensorDataset(cats[mask], nums[mask], y[mask]), batch_size=a.batch_size, shuffle=shuffle)

    train, val, test = loader(tr, True), loader(va), loader(te)
    net = DemandNet()
    opt = torch.optim.AdamW(net.parameters(), lr=a.lr, weight_decay=1e-4)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, a.epochs)
    mse = nn.MSELoss()
    w = DiagWriter(a.logdir)
    w.watch(net, opt, mse)
    hist = []
    for ep in range(a.epochs):
        net.train()
        for c, n, target in train:
            opt.zero_grad()
            mse(net(c, n), target).backward()
            opt.step()
        sched.step()
        with w.evaluating("val"):
            v = [(mse(net(c, n), target).item(), len(target)) for c, n, target in val]
        hist.append(sum(l * k for l, k in v) / sum(k for _, k in v))
        print(ep, round(hist[-1], 4))
    with w.evaluating("test"):
        v = [(mse(net(c, n), target).item(), len(target)) for c, n, target in test]
    rmse = ys * math.sqrt(sum(l * k for l, k in v) / sum(k for _, k in v))
    w.close()
    from sklearn.ensemble import HistGradientBoostingRegressor
    X = np.c_[t[:, :2], nums.numpy()]
    g = HistGradientBoostingRegressor().fit(X[tr], t[tr, 6])
    gb = np.sqrt(np.mean((g.predict(X[te]) - t[te, 6]) ** 2))
    print(f"RESULT test_rmse_log {rmse:.4f} noise 0.1200 gboost {gb:.4f} val_min {min(hist):.4f} val_last {hist[-1]:.4f}")


if __name__ == "__main__":
    main()
