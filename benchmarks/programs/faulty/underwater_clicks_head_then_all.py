"""Whale click types from short waveforms (simulated: damped chirps in coloured noise), two-phase training:
phase 1 trains the new head only, phase 2 everything.   args: faulty|fixed LOGDIR
"""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(8)
np.random.seed(8)
MODE, LOGDIR = sys.argv[1:3]
N_CLASSES, LEN = 8, 256


def click(k):
    t = np.arange(LEN) / LEN
    f0 = [20, 20, 28, 28, 36, 36, 44, 44][k] + np.random.randn() * 1.5
    slope = [-14, 14][k % 2]
    t0 = np.random.uniform(.1, .4)
    u = np.clip(t - t0, 0, None)
    sig = np.sin(2 * np.pi * (f0 * u + slope * u ** 2) + np.random.rand() * 6.28) * np.exp(-u * 6) * (t > t0)
    noise = np.convolve(np.random.randn(LEN + 4), np.ones(3) / 3, "same")[2:-2]
    return sig * np.random.uniform(.7, 1.4) + .35 * noise


def build(n):
    y = np.random.randint(0, N_CLASSES, n)
    x = np.stack([click(k) for k in y])
    x = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    return torch.tensor(x[:, None], dtype=torch.float32), torch.tensor(y)


class ClickNet(nn.Module):
    def __init__(self):
        super().__init__()
        def conv(i, o, k, s):
            return nn.Sequential(nn.Conv1d(i, o, k, s, k // 2), nn.ReLU())
        self.encoder = nn.Sequential(conv(1, 16, 9, 2), conv(16, 24, 5, 2), conv(24, 32, 5, 2))
        self.pool = nn.AdaptiveMaxPool1d(1)
        self.head = nn.Linear(32, N_CLASSES)

    def forward(self, x):
        return self.head(self.pool(self.encoder(x)).flatten(1))


def freeze(module):
    for p in module.parameters():
        p.requires_grad = False


def unfreeze(module):
    for p in module.parameters():
        if MODE == "faulty":
            p.require_grad = True
        else:
            p.requires_grad = True


X, Y = build(3000)
Xv, Yv = build(800)
net = ClickNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
writer = DiagWriter(LOGDIR)
writer.watch(net, optimizer, loss_fn)

freeze(net.encoder)
for epoch in range(18):
    if epoch == 2:
        unfreeze(net.encoder)
        print("encoder unfrozen")
    net.train()
    order, run = torch.randperm(len(X)), 0.0
    for b in order.split(50):
        optimizer.zero_grad()
        loss = loss_fn(net(X[b]), Y[b])
        loss.backward()
        optimizer.step()
        run += loss.item() * len(b)
    with writer.evaluating("val"):
        vl, acc = 0.0, 0
        for xb, yb in zip(Xv.split(100), Yv.split(100)):
            o = net(xb)
            vl += loss_fn(o, yb).item() / 8
            acc += (o.argmax(1) == yb).float().mean().item() / 8
    writer.add_scalar("val/acc", acc, epoch)
    print(f"{epoch:2d} loss {run/len(X):.3f} val {vl:.3f} acc {acc:.3f}")
writer.close()
print("RESULT val_acc %.4f val_loss %.4f" % (acc, vl))
