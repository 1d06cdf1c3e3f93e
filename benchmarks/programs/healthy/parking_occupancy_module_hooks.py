"""Occupancy of the city's car parks one hour ahead.  Lightning is not installed on the office laptop, so the
LightningModule below is driven by a small loop of our own (same method names, so that it can move later)."""
import sys
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def seed_everything(seed):
    np.random.seed(seed)
    torch.manual_seed(seed)


def make_history(n_parks=8, days=84):
    """hourly occupancy rate of every car park, with weekly rhythm, weather, events and counting errors"""
    rng = np.random.RandomState(3)
    h = np.arange(days * 24)
    hour, dow = h % 24, (h // 24) % 7
    rain = np.repeat(rng.rand(days) < .3, 24).astype(float)
    event = np.repeat(rng.rand(days) < .08, 24) * ((hour > 16) & (hour < 23))
    rates = []
    for p in range(n_parks):
        peak, width, weekend = rng.uniform(10, 15), rng.uniform(2.5, 5), rng.uniform(.3, 1.2)
        base = np.exp(-((hour - peak) / width) ** 2) * np.where(dow >= 5, weekend, 1.0)
        z = -1.8 + 3.2 * base + rng.uniform(-.3, .4) * rain + rng.uniform(.2, 1.4) * event
        ar = np.zeros(len(h))
        for t in range(1, len(h)):
            ar[t] = .85 * ar[t - 1] + .22 * rng.randn()
        rates.append(1 / (1 + np.exp(-(z + ar))) + .015 * rng.randn(len(h)))
    return np.clip(np.array(rates), 0, 1), hour, dow, rain, event.astype(float)


def make_rows():
    rates, hour, dow, rain, event = make_history()
    X, P, y, t_all = [], [], [], []
    for p in range(len(rates)):
        for t in range(24, rates.shape[1] - 1):
            X.append([*rates[p, t - 3:t + 1], rates[p, t - 23], np.sin(2 * np.pi * (hour[t] + 1) / 24),
                      np.cos(2 * np.pi * (hour[t] + 1) / 24), float(dow[t] >= 5), rain[t], event[t + 1]])
            P.append(p)
            y.append(rates[p, t + 1])
            t_all.append(t)
    return (torch.tensor(np.array(X), dtype=torch.float32), torch.tensor(P),
            torch.tensor(y, dtype=torch.float32), np.array(t_all))


class OccupancyModule(nn.Module):
    def __init__(self, n_parks=8, n_feat=10, hidden=48, lr=4e-3):
        super().__init__()
        self.lr = lr
        self.park = nn.Embedding(n_parks, 6)
        self.net = nn.Sequential(nn.Linear(n_feat + 6, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
                                 nn.Linear(hidden, 1))

    def forward(self, x, park):
        return torch.sigmoid(self.net(torch.cat([x, self.park(park)], 1))).squeeze(1)

    def training_step(self, batch, batch_idx):
        x, p, y = batch
        return F.mse_loss(self(x, p), y)

    def validation_step(self, batch, batch_idx):
        x, p, y = batch
        pred = self(x, p)
        return F.mse_loss(pred, y).item(), (pred - y).abs().mean().item(), len(y)

    def configure_optimizers(self):
        opt = torch.optim.Adam(self.parameters(), lr=self.lr)
        return opt, torch.optim.lr_scheduler.StepLR(opt, step_size=3, gamma=.4)


class MiniTrainer:
    def __init__(self, max_epochs, logdir):
        self.max_epochs, self.logdir = max_epochs, logdir

    def fit(self, module, train_dl, val_dl):
        opt, sched = module.configure_optimizers()
        writer = DiagWriter(self.logdir)
        writer.watch(module, opt)
        for epoch in range(self.max_epochs):
            module.train()
            total = 0.
            for i, batch in enumerate(train_dl):
                opt.zero_grad()
                loss = module.training_step(batch, i)
                writer.add_loss("train", loss)
                loss.backward()
                opt.step()
                total += loss.item()
            sched.step()
            module.eval()
            with writer.evaluating("val"), torch.no_grad():
                outs = [module.validation_step(b, i) for i, b in enumerate(val_dl)]
                n = sum(o[2] for o in outs)
                val = sum(o[0] * o[2] for o in outs) / n
                mae = sum(o[1] * o[2] for o in outs) / n
                writer.add_loss("val", val)
            print(f"epoch {epoch:2d}  train {total / len(train_dl):.5f}  val {val:.5f}  mae {mae:.4f}")
        writer.close()
        return val, mae


if __name__ == "__main__":
    seed_everything(1)
    X, P, y, t = make_rows()
    # whole weeks are held out, drawn at random, so that both parts see every season of the data
    week = t // 168
    held = np.isin(week, np.random.RandomState(0).permutation(week.max() + 1)[:3])
    tr, va = torch.tensor(~held), torch.tensor(held)
    train_dl = DataLoader(TensorDataset(X[tr], P[tr], y[tr]), batch_size=200, shuffle=True)
    val_dl = DataLoader(TensorDataset(X[va], P[va], y[va]), batch_size=1024)
    naive = F.mse_loss(X[va][:, 3], y[va]).item()
    val, mae = MiniTrainer(8, sys.argv[1]).fit(OccupancyModule(), train_dl, val_dl)
    print(f"RESULT val_mse={val:.5f} mae={mae:.4f} persistence_mse={naive:.5f} variance={y[va].var().item():.5f}")
