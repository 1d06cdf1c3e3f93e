"""Hourly heat load of a district, GRU, 24 h -> next hour.  Keras model rewritten by hand,
kernel_regularizer=l1_l2, recurrent_regularizer=l1_l2 as there."""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def make_series(hours=24 * 150, seed=2):
    r = np.random.RandomState(seed)
    t = np.arange(hours)
    temp = 6 + 5 * np.sin(2 * np.pi * t / (24 * 60)) + 3 * np.sin(2 * np.pi * (t - 9) / 24)
    weather = np.zeros(hours)
    for k in range(1, hours):
        weather[k] = 0.985 * weather[k - 1] + r.normal(0, 0.5)
    temp = temp + weather
    hour = t % 24
    morning = np.exp(-0.5 * ((hour - 7) / 1.5) ** 2)
    evening = np.exp(-0.5 * ((hour - 19) / 2.0) ** 2)
    weekend = ((t // 24) % 7 >= 5)
    load = 30 - 1.6 * temp + 12 * morning * (1 - 0.6 * weekend) + 8 * evening + r.normal(0, 1.0, hours)
    return np.stack([load, temp, np.sin(2 * np.pi * hour / 24), np.cos(2 * np.pi * hour / 24), weekend * 1.0], 1)


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(5, 24, batch_first=True)
        self.fc = nn.Linear(24, 1)

    def forward(self, x):
        return self.fc(self.gru(x)[0][:, -1])


class Trainer:
    def __init__(self, model, l1, l2, logdir):
        self.model, self.l1, self.l2 = model, l1, l2
        self.opt = torch.optim.Adam(model.parameters(), lr=3e-3)
        self.mse = nn.MSELoss()
        self.writer = DiagWriter(logdir)
        self.writer.watch(model, self.opt, self.mse)

    def penalty(self):
        reg = 0.0
        for w in (self.model.gru.weight_ih_l0, self.model.gru.weight_hh_l0, self.model.fc.weight):
            reg = reg + self.l1 * w.abs().sum() + self.l2 * w.pow(2).sum()
        return reg

    def fit(self, x, y, xv, yv, epochs=12, batch_size=48):
        for ep in range(epochs):
            self.model.train()
            idx = torch.randperm(len(x))
            total = 0
            for b in idx.split(batch_size):
                self.opt.zero_grad()
                mse = self.mse(self.model(x[b]), y[b])
                (mse + self.penalty()).backward()
                self.opt.step()
                total += mse.item() * len(b)
            self.model.eval()
            with torch.no_grad(), self.writer.evaluating("val"):
                val = self.mse(self.model(xv), yv).item()
            print("epoch %d - mse: %.4f - val_mse: %.4f" % (ep + 1, total / len(x), val))
        self.writer.close()
        return total / len(x), val


if __name__ == "__main__":
    torch.manual_seed(0)
    data = make_series()
    n_train = 24 * 120
    mu, sd = data[:n_train].mean(0), data[:n_train].std(0)
    z = torch.tensor((data - mu) / sd, dtype=torch.float32)
    win = z.unfold(0, 24, 1).transpose(1, 2)[:-1]
    target = z[24:, :1]
    # every sixth week is kept for validation
    week = (torch.arange(len(win)) // 168) % 6 == 5
    if sys.argv[1] == "faulty":
        l1, l2 = 0.01, 0.01
    else:
        l1, l2 = 0.0, 1e-5
    t = Trainer(Forecaster(), l1, l2, sys.argv[2])
    tr, va = t.fit(win[~week], target[~week], win[week], target[week])
    print(f"RESULT train_mse={tr:.4f} val_mse={va:.4f}")
