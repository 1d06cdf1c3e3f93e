"""Departures per half hour at the docks of a bike sharing system: count regression.

Simulated counts (Poisson around a smooth rate of hour, weekday, temperature, rain, dock); rates from 0.3 to 40.
python bike_dock_departures.py faulty|fixed LOGDIR
"""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(21)


class DepartureData(Dataset):
    def __init__(self, n, seed):
        r = np.random.default_rng(seed)
        dock = r.integers(0, 30, n)
        size = np.random.default_rng(77).normal(0, .6, 30)
        resid = np.random.default_rng(78).random(30)
        hour, wd = r.uniform(0, 24, n), r.integers(0, 7, n)
        temp, rain = r.normal(15, 7, n), r.random(n) < .2
        work = (wd < 5) * 1.0
        am, pm = np.exp(-((hour - 8) / 1.6) ** 2), np.exp(-((hour - 17.5) / 2) ** 2)
        noon = np.exp(-((hour - 14) / 4) ** 2)
        log_rate = (.3 + size[dock] + work * (2.4 * am * resid[dock] + 2.4 * pm * (1 - resid[dock]))
                    + (1 - work) * 1.7 * noon + .04 * (temp - 15) - .8 * rain - .5 * (hour < 5))
        self.rate = np.exp(log_rate).astype("float32")
        self.y = r.poisson(self.rate).astype("float32")
        a = 2 * np.pi * hour / 24
        self.x = np.stack([np.sin(a), np.cos(a), np.sin(2 * a), np.cos(2 * a), work, (temp - 15) / 7, rain], 1).astype("float32")
        self.dock = dock

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.dock[i], self.x[i], self.y[i]


class RateNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.dock = nn.Embedding(30, 6)
        self.body = nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
        self.positive = nn.Softplus()

    def forward(self, dock, x):
        return self.positive(self.body(torch.cat([self.dock(dock), x], 1))).squeeze(1)   # departures per half hour


def main(mode, logdir):
    tr, va = DepartureData(6000, 1), DepartureData(2000, 2)
    train_dl = DataLoader(tr, batch_size=64, shuffle=True)
    val_dl = DataLoader(va, batch_size=500)
    model = RateNet()
    criterion = nn.PoissonNLLLoss() if mode == "faulty" else nn.PoissonNLLLoss(log_input=False)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer, criterion)
    for epoch in range(12):
        model.train()
        total = 0
        for d, x, y in train_dl:
            optimizer.zero_grad()
            loss = criterion(model(d, x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        preds, vloss = [], 0
        with writer.evaluating("val"):
            for d, x, y in val_dl:
                p = model(d, x)
                vloss += criterion(p, y).item()
                preds.append(p)
        p = torch.cat(preds).numpy()
        mae = np.abs(p - va.y).mean()
        writer.add_scalar("loss/train", total / len(train_dl), epoch)
        writer.add_scalar("loss/val", vloss / len(val_dl), epoch)
        writer.add_scalar("mae/val", mae, epoch)
        print(f"{epoch:3d} train {total/len(train_dl):8.4f} val {vloss/len(val_dl):8.4f} MAE {mae:.3f}")
    writer.close()
    print("RESULT val_mae %.3f mae_of_true_rate %.3f mean_pred %.2f mean_count %.2f"
          % (mae, np.abs(va.rate - va.y).mean(), p.mean(), va.y.mean()))


main(*sys.argv[1:3])
