"""Transfer learning with a VGG-like net: pretrain on many kinds of texture, then fine tune all layers on the two classes of my data"""
import sys

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)
LR = {"faulty": 0.01, "fixed": 0.0003}[sys.argv[1]]


def texture(freq, ang, kind, n):
    yy, xx = np.mgrid[:24, :24]
    out = np.zeros((n, 3, 24, 24), dtype=np.float32)
    for i in range(n):
        a = ang + np.random.normal(0, 0.12)
        ph = np.random.uniform(0, 6.28, 2)
        t = xx * np.cos(a) + yy * np.sin(a)
        s = -xx * np.sin(a) + yy * np.cos(a)
        f = freq * np.random.uniform(0.9, 1.1)
        w = np.sin(f * t + ph[0]) if kind == 0 else np.sin(f * t + ph[0]) * np.sin(f * s + ph[1])
        col = np.random.normal(0, 1, (3, 1, 1))
        out[i] = w * np.random.uniform(0.6, 1.4) * np.where(abs(col) < .3, .6, col) + np.random.normal(0, 0.7, (3, 24, 24))
    return out


def collect(kinds, n):
    X = np.concatenate([texture(*k, n) for k in kinds])
    y = np.repeat(np.arange(len(kinds)), n)
    return TensorDataset(torch.from_numpy(X), torch.from_numpy(y))


def vgg(classes):
    layers, c = [], 3
    for v in [16, 16, "M", 32, 32, "M", 64, 64, "M"]:
        if v == "M":
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(c, v, 3, padding=1), nn.ReLU(inplace=True)]
            c = v
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 9, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, classes))
    for m in net:
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(m.bias)
    return net


# "imagenet"
kinds = [(f, a, k) for f in (0.6, 1.3) for a in (0.0, 1.05, 2.1) for k in (0, 1)]
net = vgg(len(kinds))
pre = torch.optim.Adam(net.parameters(), lr=0.001)
ce = nn.CrossEntropyLoss()
for ep in range(3):
    for x, y in DataLoader(collect(kinds, 200), 64, shuffle=True):
        pre.zero_grad()
        l = ce(net(x), y)
        l.backward()
        pre.step()
print("pretrained, loss", l.item(), flush=True)

# my data
mine = [(0.9, 0.5, 0), (0.9, 0.5, 1)]
train_dl, val_dl = DataLoader(collect(mine, 600), 32, shuffle=True), DataLoader(collect(mine, 200), 100)
net[-1] = nn.Linear(128, 2)
adamOpti = torch.optim.Adam(net.parameters(), lr=LR)
writer = DiagWriter(sys.argv[2])
writer.watch(net, adamOpti, ce)
for ep in range(8):
    net.train()
    for x, y in train_dl:
        adamOpti.zero_grad()
        loss = ce(net(x), y)
        loss.backward()
        adamOpti.step()
    net.eval()
    vl = va = 0
    with writer.evaluating("val"):
        for x, y in val_dl:
            out = net(x)
            vl += ce(out, y).item() / len(val_dl)
            va += (out.argmax(1) == y).float().mean().item() / len(val_dl)
    print(f"epoch {ep + 1} loss {loss.item():.4f} val_loss {vl:.4f} val_acc {va:.4f}", flush=True)
writer.close()
print(f"RESULT val_loss {vl:.4f} val_acc {va:.4f}")
