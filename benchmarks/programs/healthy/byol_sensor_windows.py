"""BYOL (Grill et al. 2020) on accelerometer windows, then a linear probe.  The BYOL loss says little by itself (a moving target), the probe does."""
import sys
import copy
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(8)
rng = np.random.default_rng(8)


def windows(n, T=64):
    y = rng.integers(0, 5, n)
    t = np.arange(T) / 20
    f0 = np.array([.0, 1.0, 1.7, 2.6, .6])[y] * rng.normal(1, .12, n)
    amp = np.array([.1, .8, 1.1, 1.8, .5])[y] * rng.lognormal(0, .25, n)
    X = np.zeros((n, 3, T), "float32")
    ph = rng.uniform(0, 6.28, n)
    tilt = rng.normal(0, .4, (n, 3))
    for c in range(3):
        w = (1., .6, .35)[c]
        X[:, c] = w * amp[:, None] * (np.sin(2 * np.pi * f0[:, None] * t + ph[:, None] + c) + .5 * (y == 3)[:, None] * np.sin(4 * np.pi * f0[:, None] * t + c)) + tilt[:, c:c + 1]
    return torch.from_numpy(X + rng.normal(0, .3, X.shape).astype("float32")), y


def augment(x):
    B = len(x)
    x = x * (1 + .15 * torch.randn(B, 3, 1)) + .15 * torch.randn_like(x)
    x = x + .2 * torch.randn(B, 3, 1)
    s = int(torch.randint(0, 64, (1,)))
    x = torch.roll(x, s, 2)
    m = (torch.rand(B, 1, 8) > .12).float().repeat_interleave(8, 2)
    return x * m


def mlp(i, h, o):
    return nn.Sequential(nn.Linear(i, h), nn.BatchNorm1d(h), nn.ReLU(), nn.Linear(h, o))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(3, 16, 7, 2, 3), nn.BatchNorm1d(16), nn.ReLU(), nn.Conv1d(16, 32, 5, 2, 2), nn.BatchNorm1d(32), nn.ReLU(),
                                  nn.Conv1d(32, 32, 3, 2, 1), nn.BatchNorm1d(32), nn.ReLU())
        self.proj = mlp(32, 64, 16)

    def features(self, x):
        return self.conv(x).mean(2)

    def forward(self, x):
        return self.proj(self.features(x))


class BYOL(nn.Module):
    def __init__(self):
        super().__init__()
        self.online = Encoder()
        self.predictor = mlp(16, 64, 16)

    def forward(self, x):
        return self.predictor(self.online(x))


def regression_loss(p, z):
    return 2 - 2 * F.cosine_similarity(p, z, dim=1).mean()


model = BYOL()
target = copy.deepcopy(model.online).requires_grad_(False)
opt = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)
X, y = windows(3000)
Xl, yl = windows(600)
Xe, ye = windows(800)
EPOCHS, B = 15, 128
steps = EPOCHS * (len(X) // B)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, 2e-3, total_steps=steps, pct_start=.1)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt)


def probe():
    model.eval()
    with torch.no_grad():
        a, b = model.online.features(Xl).numpy(), model.online.features(Xe).numpy()
    return LogisticRegression(max_iter=500).fit((a - a.mean(0)) / (a.std(0) + 1e-6), yl).score((b - a.mean(0)) / (a.std(0) + 1e-6), ye)


print("random encoder, linear probe", probe())
k = 0
for ep in range(EPOCHS):
    model.train()
    tot = 0
    for idx in torch.randperm(len(X)).split(B):
        if len(idx) < B:
            continue
        v1, v2 = augment(X[idx]), augment(X[idx])
        with torch.no_grad():
            z1, z2 = target(v1), target(v2)
        loss = regression_loss(model(v1), z2) + regression_loss(model(v2), z1)
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        writer.add_loss("train", loss)
        tau = 1 - .02 * (np.cos(np.pi * k / steps) + 1) / 2
        k += 1
        with torch.no_grad():
            for t, o in zip(target.parameters(), model.online.parameters()):
                t.lerp_(o, 1 - tau)
        tot += loss.item()
    if ep % 5 == 4:
        acc = probe()
        print(f"epoch {ep + 1}: byol loss {tot / (len(X) // B):.4f} linear probe {acc:.3f}")
writer.close()
print(f"RESULT loss={tot / (len(X) // B):.4f} probe={acc:.4f}")
