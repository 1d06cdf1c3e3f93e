"""
Fuel consumption of a fleet from noon reports.

Usage: python ship_fuel_noon_reports.py LOGDIR
"""
import sys
import logging
import numpy as np
import torch
import torch.nn as nn
from sklearn.model_selection import GroupShuffleSplit
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
log = logging.getLogger("fuel")
torch.set_num_threads(1)

CONFIG = {"seed": 4, "epochs": 12, "batch_size": 80, "lr": 3e-3, "weight_decay": 1e-3, "hidden": [64, 32], "gamma": 0.78}


def simulate_reports(n_ships=14, n_voyages=30, seed=4):
    r = np.random.RandomState(seed)
    rows, ship_id, voyage = [], [], []
    for s in range(n_ships):
        dwt, eff, v0 = r.uniform(30, 180), r.normal(1, .07), r.uniform(11, 15)
        for v in range(n_voyages):
            months, draught = r.uniform(0, 36), r.uniform(.45, 1)        # since dry dock; share of the maximum
            for d in range(r.randint(5, 17)):
                speed = v0 + r.normal(0, 1.2)
                wind, head = r.gamma(3, 2), r.uniform(-1, 1)
                wave = .22 * wind * r.lognormal(0, .25)
                temp, hours = r.normal(18, 7), r.choice([23, 24, 24, 24, 25])
                res = (1 + .008 * months) * (1 + .05 * wave * np.clip(head + .3, 0, 2) + .012 * wind * head)
                t = .0045 * eff * dwt ** .62 * (.55 + .45 * draught) * speed ** 2.7 / 20 * res * hours / 24
                rows.append([dwt, speed, draught, months, wind, head, wave, temp, hours, t * r.lognormal(0, .08)])
                ship_id.append(s)
                voyage.append(s * n_voyages + v)
    return np.array(rows), np.array(ship_id), np.array(voyage)


class Scale(nn.Module):
    def __init__(self, mean, std):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32))

    def forward(self, x):
        return (x - self.mean) / self.std


def build_model(mean, std, n_ships, cfg):
    class FuelNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = Scale(mean, std)
            self.ship = nn.Embedding(n_ships, 4)
            nn.init.normal_(self.ship.weight, std=.3)
            dims = [len(mean) + 4] + cfg["hidden"]
            self.mlp = nn.Sequential(*[m for a, b in zip(dims, dims[1:]) for m in (nn.Linear(a, b), nn.SiLU())],
                                     nn.Linear(dims[-1], 1))

        def forward(self, x, ship):
            return self.mlp(torch.cat([self.scale(x), self.ship(ship)], -1)).squeeze(-1)
    return FuelNet()


def run(cfg, logdir):
    torch.manual_seed(cfg["seed"])
    data, ship, voyage = simulate_reports()
    X, y = data[:, :-1], np.log(data[:, -1])
    # reports of the same voyage stay together
    tr, va = next(GroupShuffleSplit(1, test_size=.2, random_state=0).split(X, y, voyage))
    mu, sd = y[tr].mean(), y[tr].std()
    log.info("%d reports for training, %d for validation, log tonnes %.2f +- %.2f", len(tr), len(va), mu, sd)
    ds = lambda i: TensorDataset(torch.tensor(X[i], dtype=torch.float32), torch.tensor(ship[i]), torch.tensor((y[i] - mu) / sd, dtype=torch.float32))
    train_dl, val_dl = DataLoader(ds(tr), cfg["batch_size"], shuffle=True), DataLoader(ds(va), 512)

    model = build_model(X[tr].mean(0), X[tr].std(0), 14, cfg)
    groups = [{"params": [p for n, p in model.named_parameters() if n.endswith("weight")], "weight_decay": cfg["weight_decay"]},
              {"params": [p for n, p in model.named_parameters() if n.endswith("bias")], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=cfg["lr"])
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, cfg["gamma"])
    loss_fn = nn.MSELoss()
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer, loss_fn)
    for epoch in range(cfg["epochs"]):
        model.train()
        train = []
        for xb, sb, yb in train_dl:
            optimizer.zero_grad()
            loss = loss_fn(model(xb, sb), yb)
            loss.backward()
            optimizer.step()
            train.append(loss.item())
        scheduler.step()
        model.eval()
        err = []
        with torch.no_grad(), writer.evaluating("val"):
            val = 0.
            for xb, sb, yb in val_dl:
                p = model(xb, sb)
                val += loss_fn(p, yb).item() * len(yb) / len(va)
                err.append(((p - yb).abs() * sd))
        log.info("epoch %2d  train %.4f  val %.4f  relative error %.1f %%", epoch + 1, np.mean(train), val, 100 * torch.cat(err).mean())
    writer.close()
    print(f"RESULT train={np.mean(train):.5f} val={val:.5f} floor={(.08 / sd) ** 2:.5f} rel_err={torch.cat(err).mean():.4f}")


if __name__ == "__main__":
    run(CONFIG, sys.argv[1])
