"""Rolls sold per shop and day from calendar, weather and the sales of the last week (log scale), Huber loss."""
import sys

import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

from tb_lossdiag import DiagWriter


def build_frame(shops=10, days=1130, seed=4):
    r = np.random.RandomState(seed)
    week = np.array([.0, -.05, -.02, .03, .12, .38, .2])
    rain = (r.rand(days) < .32) * r.gamma(2, 3, days)
    temp = 10 + 9 * np.sin((np.arange(days) - 110) / 365 * 2 * np.pi) + r.randn(days) * 3.5
    holiday = r.rand(days) < .03
    frames = []
    for s in range(shops):
        level, touristy = r.normal(5.3, .45), r.rand()
        ar, out = 0., []
        for d in range(days):
            ar = .6 * ar + r.randn() * .07
            mu = level + week[d % 7] * (1 + .5 * touristy) + ar - .012 * rain[d] * (.5 + touristy) + .008 * (temp[d] - 10) * touristy - .45 * holiday[d]
            out.append(r.poisson(np.exp(mu)))
        frames.append(pd.DataFrame(dict(shop=s, day=np.arange(days), dow=np.arange(days) % 7, rain=rain, temp=temp,
                                        holiday=holiday.astype(float), sales=out)))
    df = pd.concat(frames, ignore_index=True)
    df["log_sales"] = np.log1p(df.sales)
    for lag in (1, 2, 7, 14):
        df[f"lag{lag}"] = df.groupby("shop").log_sales.shift(lag)
    return df.dropna().reset_index(drop=True)


NUM = ["rain", "temp", "holiday", "lag1", "lag2", "lag7", "lag14"]


class SalesData(Dataset):
    def __init__(self, df, stats):
        self.num = torch.tensor(((df[NUM] - stats["mean"]) / stats["std"]).values, dtype=torch.float32)
        self.cat = torch.tensor(df[["shop", "dow"]].values)
        self.y = torch.tensor(((df.log_sales - stats["ymean"]) / stats["ystd"]).values, dtype=torch.float32)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.num[i], self.cat[i], self.y[i]


class SalesNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.shop, self.dow = nn.Embedding(10, 4), nn.Embedding(7, 3)
        self.body = nn.Sequential(nn.Linear(len(NUM) + 7, 48), nn.ReLU(), nn.Linear(48, 24), nn.ReLU(), nn.Linear(24, 1))

    def forward(self, num, cat):
        return self.body(torch.cat([num, self.shop(cat[:, 0]), self.dow(cat[:, 1])], 1)).squeeze(-1)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(4)
    df = build_frame()
    past, future = df[df.day < 765], df[df.day >= 765]
    stats = dict(mean=past[NUM].mean(), std=past[NUM].std(), ymean=past.log_sales.mean(), ystd=past.log_sales.std())
    train_dl = DataLoader(SalesData(past, stats), batch_size=128, shuffle=True)
    val_dl = DataLoader(SalesData(future, stats), batch_size=1000)
    net = SalesNet()
    huber = nn.HuberLoss(delta=0.5)
    opt = torch.optim.Adam(net.parameters(), lr=8e-3, weight_decay=1e-5)
    epochs = 20
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=8e-3, epochs=epochs, steps_per_epoch=len(train_dl))
    tb = DiagWriter(sys.argv[1])
    tb.watch(net, opt, huber)
    for epoch in range(epochs):
        net.train()
        tr = []
        for num, cat, target in train_dl:
            opt.zero_grad()
            loss = huber(net(num, cat), target)
            loss.backward()
            opt.step()
            sched.step()
            tr.append(loss.item())
        net.eval()
        va, ape = [], []
        with torch.no_grad(), tb.evaluating("val"):
            for num, cat, target in val_dl:
                pred = net(num, cat)
                va.append(huber(pred, target).item())
                ape.append(((pred - target).abs() * stats["ystd"]).mean().item())
        print(f"epoch {epoch + 1:2d}: huber {np.mean(tr):.4f} / {np.mean(va):.4f}, error about {100 * np.mean(ape):.1f} %")
    tb.close()
    naive = (future.log_sales - future.lag7).abs().mean()
    print(f"RESULT train {np.mean(tr):.4f} val {np.mean(va):.4f} mape~{np.mean(ape):.4f} last-week {naive:.4f}")
