import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
rng = np.random.default_rng(2023)
torch.manual_seed(2023)
S, K = 24, 8


def texture(k):
    yy, xx = np.mgrid[0:S, 0:S] + rng.uniform(0, 30, (2, 1, 1))
    f, th = rng.uniform(.75, 1.1), rng.normal(0, .12)
    u, v = xx * np.cos(th) + yy * np.sin(th), yy * np.cos(th) - xx * np.sin(th)
    n = rng.standard_normal((S, S))
    sm = sum(np.roll(n, (i, j), (0, 1)) for i in range(3) for j in range(3)) / 3
    img = [np.sin(f * u), np.sin(f * v), np.sin(f * (u + v) * .7), np.sin(f * u) * np.sin(f * v),
           np.sign(np.sin(f * u)) * np.sign(np.sin(f * v)), np.sin(f * np.hypot(u - u.mean(), v - v.mean())),
           sm * 1.2, np.sin(f * u + 1.5 * np.sin(f * v * .6))][k]
    return img * rng.uniform(.5, 1.1) + .7 * rng.standard_normal((S, S)) + rng.normal(0, .3)


def images(n):
    true = rng.integers(0, K, n)
    return np.stack([texture(k) for k in true])[:, None].astype('float32'), true


def votes(true):
    # five annotators per picture, some of them click through
    v = np.repeat(true[:, None], 5, 1)
    careless = np.array([.45, .12, .08, .15, .10])
    wrong = rng.random(v.shape) < careless
    v[wrong] = rng.integers(0, K, wrong.sum())
    return v


x, truth = images(4500)
v = votes(truth[:3500])
if sys.argv[1] == 'faulty':
    labels = v[:, 0].copy()
    half = rng.random(3500) < .25
    labels[half] = v[half, 1]
else:
    labels = np.array([np.bincount(r, minlength=K).argmax() for r in v])

Xtr, ytr = torch.tensor(x[:3500]), torch.tensor(labels)
Xte, yte = torch.tensor(x[3500:]), torch.tensor(truth[3500:])
loader = DataLoader(TensorDataset(Xtr, ytr), batch_size=32, shuffle=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 5, padding=2)
        self.conv2 = nn.Conv2d(16, 24, 3, padding=1)
        self.fc1 = nn.Linear(24 * 6 * 6, 64)
        self.fc2 = nn.Linear(64, K)

    def forward(self, t):
        t = F.max_pool2d(F.relu(self.conv1(t)), 2)
        t = F.max_pool2d(F.relu(self.conv2(t)), 2)
        t = F.dropout(t.flatten(1), .3, self.training)
        return self.fc2(F.relu(self.fc1(t)))


net = Net()
opt = torch.optim.AdamW(net.parameters(), lr=5e-4, weight_decay=0.01)
ce = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, ce, train_loader=loader)
for epoch in range(9):
    net.train()
    s = c = 0
    for a, b in loader:
        opt.zero_grad()
        o = net(a)
        l = ce(o, b)
        l.backward()
        opt.step()
        s += l.item() * len(b)
        c += (o.argmax(1) == b).sum().item()
    with writer.evaluating('test'):
        o = net(Xte)
        tl = ce(o, yte).item()
    print(epoch, 'train %.4f %.3f' % (s / 3500, c / 3500), 'test %.4f %.3f' % (tl, (o.argmax(1) == yte).float().mean()))
writer.close()
