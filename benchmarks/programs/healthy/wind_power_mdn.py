"""Wind speed forecast -> distribution of a park's output, as a mixture of Gaussians."""
import math
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(11)
rng = np.random.default_rng(11)
LR = 4e-3


def park(n):
    hour = rng.uniform(0, 24, n)
    speed = rng.weibull(2.1, n) * 8.5 + .8 * np.sin(hour * np.pi / 12)
    direction = rng.uniform(0, 2 * np.pi, n)
    temp = rng.normal(9, 7, n)
    true = np.clip(speed * (1 + .12 * np.cos(direction - 1)) + rng.normal(0, .7, n), 0, None)
    p = 1 / (1 + np.exp(-(true - 8.2) * .85))
    p = np.where(true > 21, 0.02, p)
    iced = (rng.random(n) < 1 / (1 + np.exp(.8 * (temp + 1)))) & (rng.random(n) < .5)
    p = np.where(iced, p * .45, p) + rng.normal(0, .012, n)
    x = np.stack([speed, np.sin(direction), np.cos(direction), temp, np.sin(hour * np.pi / 12), np.cos(hour * np.pi / 12)], 1)
    return x.astype('float32'), p.astype('float32')[:, None]


class MDN(nn.Module):
    def __init__(self, d, k=5):
        super().__init__()
        self.k = k
        self.trunk = nn.Sequential(nn.Linear(d, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU())
        self.params = nn.Linear(64, 3 * k)

    def forward(self, x):
        return self.params(self.trunk(x))


class MixtureNLL(nn.Module):
    def forward(self, out, y):
        logit, mu, log_sigma = out.chunk(3, -1)
        log_sigma = log_sigma.clamp(-4.5, 3)
        comp = -.5 * ((y - mu) / log_sigma.exp()) ** 2 - log_sigma - .5 * math.log(2 * math.pi)
        return -torch.logsumexp(logit.log_softmax(-1) + comp, -1).mean()


x, y = park(16000)
m, s = x[:12000].mean(0), x[:12000].std(0)
x = torch.from_numpy((x - m) / s)
y = torch.from_numpy(y)
train = DataLoader(TensorDataset(x[:12000], y[:12000]), batch_size=64, shuffle=True)
val = DataLoader(TensorDataset(x[12000:], y[12000:]), batch_size=1000)

net = MDN(6)
EPOCHS = 20
opt = torch.optim.Adam(net.parameters(), lr=LR)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, LR, total_steps=EPOCHS * len(train), pct_start=.15)
nll = MixtureNLL()
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, nll, train_loader=train)
for epoch in range(EPOCHS):
    net.train()
    tot = 0.
    for xb, yb in train:
        opt.zero_grad()
        loss = nll(net(xb), yb)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.)
        opt.step()
        sched.step()
        tot += loss.item() * len(xb) / 12000
    with writer.evaluating('val'):
        v = sum(nll(net(a), b).item() for a, b in val) / len(val)
    print(epoch, 'train %.4f val %.4f' % (tot, v))
writer.close()
