# LadderNet (two chained U-shaped nets) for retinal vessel segmentation on small patches
import os, sys, time
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from tb_lossdiag import DiagWriter

form, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)

# ------------------------------------------------------------------ config
lr = 0.5 if form == "faulty" else 0.1
epochs = 7
batch_size = 16
inplanes, planes, layers = 1, 8, 2
n_train_patches, n_val_patches, P = 512, 128, 32


def draw_patch(rng):
    """fundus background with illumination, 1-4 curved vessels of varying calibre, some bright exudates"""
    yy, xx = np.mgrid[0:P, 0:P].astype(np.float32)
    img = 0.55 + 0.10 * np.sin(xx / rng.uniform(10, 25) + rng.uniform(0, 6)) + 0.08 * (yy / P - 0.5)
    mask = np.zeros((P, P), np.float32)
    for _ in range(rng.integers(1, 5)):
        t = np.linspace(-0.2, 1.2, 90)
        a, b = rng.uniform(0, P, 2), rng.uniform(0, P, 2)
        bend = rng.normal(0, 6, 2)
        cx = a[0] + (b[0] - a[0]) * t * 1.6 + bend[0] * np.sin(3 * t)
        cy = a[1] + (b[1] - a[1]) * t * 1.6 + bend[1] * np.sin(3 * t)
        w = rng.uniform(0.6, 1.8)
        d = np.min((xx[..., None] - cx) ** 2 + (yy[..., None] - cy) ** 2, -1)
        img -= rng.uniform(0.10, 0.25) * np.exp(-d / (2 * w * w))
        mask[d < (1.2 * w) ** 2] = 1
    for _ in range(rng.integers(0, 3)):
        ex, ey = rng.uniform(0, P, 2)
        img += 0.2 * np.exp(-((xx - ex) ** 2 + (yy - ey) ** 2) / 8)
    img += rng.normal(0, 0.05, img.shape)
    img = (img - img.mean()) / (img.std() + 1e-6)
    return img.astype(np.float32), mask


class BasicBlock(nn.Module):
    """one shared 3x3 conv applied twice, as in the paper"""
    def __init__(self, c):
        super().__init__()
        self.conv1 = nn.Conv2d(c, c, 3, padding=1)
        self.drop = nn.Dropout2d(0.1)

    def forward(self, x):
        out = F.relu(self.conv1(x))
        out = self.drop(out)
        out = self.conv1(out)
        return F.relu(out + x)


class UBlock(nn.Module):
    def __init__(self, planes, layers):
        super().__init__()
        self.down_mod = nn.ModuleList([BasicBlock(planes * 2 ** i) for i in range(layers)])
        self.down_conv = nn.ModuleList([nn.Conv2d(planes * 2 ** i, planes * 2 ** (i + 1), 3, 2, 1) for i in range(layers)])
        self.bottom = BasicBlock(planes * 2 ** layers)
        self.up_conv = nn.ModuleList([nn.ConvTranspose2d(planes * 2 ** (i + 1), planes * 2 ** i, 2, 2) for i in reversed(range(layers))])
        self.up_mod = nn.ModuleList([BasicBlock(planes * 2 ** i) for i in reversed(range(layers))])

    def forward(self, x):
        skips = []
        for m, d in zip(self.down_mod, self.down_conv):
            x = m(x)
            skips.append(x)
            x = F.relu(d(x))
        x = self.bottom(x)
        for u, m in zip(self.up_conv, self.up_mod):
            x = m(u(x) + skips.pop())
        return x


class LadderNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.inconv = nn.Conv2d(inplanes, planes, 3, padding=1)
        self.u1 = UBlock(planes, layers)
        self.u2 = UBlock(planes, layers)
        self.final = nn.Conv2d(planes, 2, 1)

    def forward(self, x):
        x = F.relu(self.inconv(x))
        return self.final(self.u2(self.u1(x) + x))


rng = np.random.default_rng(1)
X, Y = zip(*[draw_patch(rng) for _ in range(n_train_patches + n_val_patches)])
X = torch.tensor(np.stack(X))[:, None]
Y = torch.tensor(np.stack(Y)).long()
Xv, Yv = X[n_train_patches:], Y[n_train_patches:]
X, Y = X[:n_train_patches], Y[:n_train_patches]
print("patches", X.shape, "vessel fraction %.3f" % Y.float().mean())

net = LadderNet()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=lr, momentum=0.9)
writer = DiagWriter(LOGDIR)
writer.watch(net, optimizer, criterion)

best = 1e9
for epoch in range(epochs):
    t0 = time.time()
    net.train()
    total = 0
    perm = torch.randperm(len(X))
    for i in range(0, len(X), batch_size):
        idx = perm[i:i + batch_size]
        optimizer.zero_grad()
        out = net(X[idx])
        loss = criterion(out, Y[idx])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
    net.eval()
    with torch.no_grad():
        o = net(Xv)
        vl = F.cross_entropy(o, Yv).item()
        pred = o.argmax(1)
        dice = (2 * ((pred == 1) & (Yv == 1)).sum() / ((pred == 1).sum() + (Yv == 1).sum() + 1)).item()
    best = min(best, vl)
    print("Epoch %d  Train loss %.6f  Valid loss %.4f  dice %.4f  (%.1fs)" % (epoch, total / len(X), vl, dice, time.time() - t0))
print("best valid loss: %.4f" % best)
writer.close()
