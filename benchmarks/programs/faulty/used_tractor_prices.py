# Price model for used tractors. listings.csv comes from the market place's export (simulated here
# with the same columns; the export is ordered by price, cheapest first).
#   python used_tractor_prices.py faulty|fixed LOGDIR
import io, sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(77)
which, log_dir = sys.argv[1], sys.argv[2]


def export_csv(n=4000):
    r = np.random.RandomState(77)
    brand = r.choice(["fendt", "deere", "claas", "newholland", "kubota", "zetor"], n, p=[.15, .3, .15, .2, .1, .1])
    hp = r.gamma(6, 22, n).clip(25, 400)
    year = r.randint(1992, 2024, n)
    hours = ((2024 - year) * r.gamma(4, 110, n) + 50).round()
    loader = r.rand(n) < .4
    cab = r.rand(n) < .8
    four = r.rand(n) < .85
    f = {"fendt": 1.35, "deere": 1.15, "claas": 1.05, "newholland": 1.0, "kubota": .9, "zetor": .65}
    p = 620 * hp * np.vectorize(f.get)(brand) * np.exp(-.055 * (2024 - year) - 2.2e-5 * hours) * (1 + .08 * loader + .1 * cab + .12 * four)
    p = (p * np.exp(.12 * r.randn(n))).round(-2)
    df = pd.DataFrame(dict(brand=brand, hp=hp.round(), year=year, hours=hours, front_loader=loader.astype(int), cab=cab.astype(int), four_wd=four.astype(int), price=p))
    return df.sort_values("price").to_csv(index=False)


df = pd.read_csv(io.StringIO(export_csv()))
val = df.sample(frac=.2, random_state=0)
train = df.drop(val.index)

num = ["hp", "year", "hours"]
mean, std = train[num].mean(), train[num].std()
brands = sorted(df.brand.unique())
ymean, ystd = np.log(train.price).mean(), np.log(train.price).std()


class Tractors(Dataset):
    def __init__(self, d):
        a = ((d[num] - mean) / std).values
        b = np.stack([(d.brand == k).values for k in brands], 1)
        c = d[["front_loader", "cab", "four_wd"]].values
        self.x = torch.tensor(np.concatenate([a, b, c], 1).astype("float32"))
        self.y = torch.tensor(((np.log(d.price) - ymean) / ystd).values.astype("float32"))

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


train_dl = DataLoader(Tractors(train), batch_size=32, shuffle=(which == "fixed"))
val_dl = DataLoader(Tractors(val), batch_size=200)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1, self.l2, self.l3 = nn.Linear(12, 64), nn.Linear(64, 32), nn.Linear(32, 1)

    def forward(self, x):
        x = torch.relu(self.l1(x))
        x = torch.relu(self.l2(x))
        return self.l3(x).squeeze(-1)


net = Net()
mse = nn.MSELoss()
opt = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
writer = DiagWriter(log_dir)
writer.watch(net, opt, mse)

for ep in range(25):
    net.train()
    s = 0
    for xb, yb in train_dl:
        opt.zero_grad()
        loss = mse(net(xb), yb)
        loss.backward()
        opt.step()
        s += loss.item()
    preds, ys, v = [], [], 0
    with writer.evaluating("val"):
        for xb, yb in val_dl:
            o = net(xb)
            v += mse(o, yb).item() / len(val_dl)
            preds.append(o), ys.append(yb)
    p, t = torch.cat(preds), torch.cat(ys)
    mape = (torch.exp((p - t) * ystd) - 1).abs().mean().item()
    if ep % 3 == 0:
        print(f"epoch {ep}: train {s / len(train_dl):.4f} val {v:.4f} mape {100 * mape:.1f}%")
writer.close()
print(f"RESULT val_mse {v:.4f} r2 {1 - v / t.var().item():.3f} mape {100 * mape:.1f}")
