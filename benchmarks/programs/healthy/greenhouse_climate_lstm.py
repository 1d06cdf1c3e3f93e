"""Inside temperature of a greenhouse one hour ahead from the last 24 hours (simulated climate computer export)."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter


def simulate(hours=24 * 180, seed=0):
    r = np.random.default_rng(seed)
    t = np.arange(hours)
    cloud = np.zeros(hours); w = np.zeros(hours)
    for i in range(1, hours):
        cloud[i] = .95 * cloud[i - 1] + r.normal(0, .3)
        w[i] = .97 * w[i - 1] + r.normal(0, .5)
    sun = np.clip(np.sin(2 * np.pi * (t % 24 - 6) / 24), 0, None) * 700 * (1 / (1 + np.exp(cloud)) * .8 + .2)
    out = 10 + 6 * np.sin(2 * np.pi * (t - 2000) / 8760) + 4 * np.sin(2 * np.pi * (t % 24 - 9) / 24) + w
    T = np.zeros(hours); T[0] = 18; vent = np.zeros(hours)
    for i in range(1, hours):
        vent[i] = np.clip((T[i - 1] - 23) / 4, 0, 1)
        heat = np.clip((17 - T[i - 1]) * .8, 0, 3)
        T[i] = T[i - 1] + .12 * (1 + 2 * vent[i]) * (out[i] - T[i - 1]) + .008 * sun[i] + heat + r.normal(0, .35)
    return np.stack([T, out, sun, vent, np.sin(2 * np.pi * t / 24), np.cos(2 * np.pi * t / 24)], 1).astype("f4")


class Windows(Dataset):
    def __init__(self, a, n=24):
        self.a, self.n = torch.from_numpy(a), n

    def __len__(self):
        return len(self.a) - self.n

    def __getitem__(self, i):
        return self.a[i:i + self.n], self.a[i + self.n, :1]


class Forecaster(nn.Module):
    def __init__(self, n_in, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(n_in, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x):
        h, _ = self.lstm(x)
        return x[:, -1, :1] + self.head(h[:, -1])


if __name__ == "__main__":
    torch.manual_seed(0); torch.set_num_threads(1)
    raw = simulate()
    cut = int(.8 * len(raw))
    mu, sd = raw[:cut].mean(0), raw[:cut].std(0)
    a = (raw - mu) / sd
    train = DataLoader(Windows(a[:cut]), batch_size=64, shuffle=True)
    val = DataLoader(Windows(a[cut:]), batch_size=256)
    model = Forecaster(a.shape[1])
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, .8)
    loss_fn = nn.MSELoss()
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, optimizer, loss_fn)
    for epoch in range(15):
        model.train(); run = 0
        for x, y in train:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            run += loss.item()
        scheduler.step()
        tot = pers = n = 0
        with writer.evaluating("val"):
            for x, y in val:
                tot += loss_fn(model(x), y).item() * len(y)
                pers += ((x[:, -1, :1] - y) ** 2).sum().item(); n += len(y)
        writer.add_scalar("Loss/train", run / len(train), epoch); writer.add_scalar("Loss/val", tot / n, epoch)
        print(f"{epoch:2d} {run/len(train):.4f} {tot/n:.4f}")
    writer.close()
    from sklearn.ensemble import HistGradientBoostingRegressor
    W = Windows(a); F = np.stack([W[i][0][-3:].reshape(-1).numpy() for i in range(len(W))]); Y = a[24:, 0]
    m = HistGradientBoostingRegressor(max_iter=150, learning_rate=.06).fit(F[:cut - 24], Y[:cut - 24] - a[23:cut - 1, 0])
    gb = ((m.predict(F[cut:]) + a[cut + 23:-1, 0] - Y[cut:]) ** 2).mean()
    print("RESULT val_loss", round(tot / n, 5), "persistence", round(pers / n, 5), "boosting", round(float(gb), 5), "noise_of_one_step", round((.35 / float(sd[0])) ** 2, 5))
