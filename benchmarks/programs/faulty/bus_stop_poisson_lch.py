# boardings per stop and run (few, mostly 0), a small MLP with softplus output gives the expected count
import sys, math
import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(23); torch.manual_seed(23)


def load_runs(n):
    hour = np.random.uniform(5, 24, n)
    weekend = (np.random.rand(n) < 2 / 7) * 1.
    stop = np.random.randint(0, 20, n)
    pop = np.random.RandomState(0).normal(0, .8, 20)[stop]
    rain = np.random.gamma(.3, 2, n)
    delay = np.random.normal(1, 2, n)
    temp = np.random.normal(12, 8, n)
    lograte = (-1.4 + pop + 1.1 * np.exp(-((hour - 8) / 1.4) ** 2) * (1 - weekend) + .9 * np.exp(-((hour - 17) / 2) ** 2)
               - .5 * weekend - .12 * np.minimum(rain, 5) + .09 * np.clip(delay, 0, 8))
    y = np.random.poisson(np.exp(lograte))
    X = np.c_[np.sin(hour / 24 * 2 * np.pi), np.cos(hour / 24 * 2 * np.pi), np.sin(hour / 12 * 2 * np.pi), np.cos(hour / 12 * 2 * np.pi),
              weekend, pop, np.log1p(rain), delay / 2, (temp - 12) / 8]
    return X.astype("f4"), y.astype("f4"), np.exp(lograte)


Xa, ya, _ = load_runs(9000)
Xb, yb, mu = load_runs(2500)


class CountNet(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(d, 48), nn.ReLU(), nn.Linear(48, 32), nn.ReLU())
        self.rate = nn.Linear(32, 1)

    def forward(self, x):
        return nn.functional.softplus(self.rate(self.body(x))).squeeze(-1)


net = CountNet(Xa.shape[1])
if sys.argv[1] == "faulty":
    loss_func = nn.PoissonNLLLoss()
else:
    loss_func = nn.PoissonNLLLoss(log_input=False)
opt = optim.Adam(net.parameters(), lr=2e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, loss_func)

train_dl = DataLoader(TensorDataset(torch.tensor(Xa), torch.tensor(ya)), batch_size=64, shuffle=True)
xv, yv = torch.tensor(Xb), torch.tensor(yb)


def fit(epochs):
    for epoch in range(epochs):
        net.train()
        for xb_, yb_ in train_dl:
            loss = loss_func(net(xb_), yb_)
            loss.backward()
            opt.step()
            opt.zero_grad()
        net.eval()
        with torch.no_grad(), writer.evaluating("val"):
            pred = net(xv)
            val = loss_func(pred, yv).item()
        print(epoch, round(val, 4))
    return pred


pred = fit(12)
writer.close()
pred = pred.numpy() + 1e-8
dev = 2 * np.mean(np.where(yb > 0, yb * np.log(np.maximum(yb, 1e-9) / pred), 0) - (yb - pred))
true_dev = 2 * np.mean(np.where(yb > 0, yb * np.log(np.maximum(yb, 1e-9) / mu), 0) - (yb - mu))
print(f"RESULT deviance {dev:.4f} (true rates {true_dev:.4f}) correlation {np.corrcoef(pred, mu)[0, 1]:.4f} mean {pred.mean():.3f} vs {yb.mean():.3f}")
