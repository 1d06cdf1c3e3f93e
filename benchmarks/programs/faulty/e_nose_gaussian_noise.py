"""Electronic nose: 16 gas sensors x 4 features -> concentration of ethylene (regression).
GaussianNoise layers as in Keras, to cope with the drift of the sensors."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(14)


class GaussianNoise(nn.Module):
    def __init__(self, stddev):
        super().__init__()
        self.stddev = stddev

    def forward(self, x):
        if sys.argv[1] == "faulty":
            return x + torch.randn_like(x) * self.stddev
        if self.training:
            return x + torch.randn_like(x) * self.stddev
        return x


def sensors(n=2400):
    r = np.random.RandomState(14)
    gas = r.gamma(2, 1, (n, 3))
    resp = r.uniform(.2, 1, (3, 16)) * (r.rand(3, 16) < .7)
    g = np.log1p(gas @ resp * r.lognormal(0, .05, (n, 1)))
    hum = r.normal(0, .2, (n, 1))
    f = np.concatenate([g, g ** 2 * .5, np.sqrt(g), g * (1 + hum)], 1) + r.normal(0, .03, (n, 64)) + .1 * hum
    t = np.log1p(gas[:, :1])
    return (f - f.mean(0)) / f.std(0), (t - t.mean()) / t.std()


X, Y = (torch.tensor(a, dtype=torch.float32) for a in sensors())
net = nn.Sequential(GaussianNoise(0.4), nn.Linear(64, 40), nn.ReLU(), GaussianNoise(0.2), nn.Linear(40, 20), nn.ReLU(), nn.Linear(20, 1))
crit = nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=0.004)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, crit)
for epoch in range(16):
    net.train()
    tot = 0
    for a, b in DataLoader(TensorDataset(X[:1900], Y[:1900]), batch_size=50, shuffle=True):
        opt.zero_grad()
        l = crit(net(a), b)
        l.backward()
        opt.step()
        tot += l.item() * len(a) / 1900
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        v = crit(net(X[1900:]), Y[1900:]).item()
    print("epoch {:2d} loss {:.4f} val_loss {:.4f}".format(epoch, tot, v))
writer.close()
print(f"RESULT train={tot:.4f} val={v:.4f}")
