"""Diatom species from microscope crops (simulated: outline, striae density, raphe), small DenseNet, SGD + Nesterov + MultiStepLR, flips."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser(description="DenseNet on diatoms")
parser.add_argument("logdir")
parser.add_argument("--lr", default=0.1, type=float)
parser.add_argument("--epochs", default=20, type=int)
parser.add_argument("--growth", default=6, type=int)
parser.add_argument("--wd", default=1e-4, type=float)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(0)

SPECIES = [  # half length, half width, taper, striae period, raphe
    (10, 3.5, 1.0, 3.0, True), (10, 3.5, 1.0, 4.5, True), (8, 5.5, 0.6, 3.0, True), (8, 5.5, 0.6, 3.0, False), (11, 2.5, 1.6, 3.0, False), (7, 7.0, 0.5, 4.5, False)]


def crop(rng, k):
    L, W, taper, per, raphe = SPECIES[k]
    L, W, per = L * rng.normal(1, .07), W * rng.normal(1, .07), per * rng.normal(1, .06)
    yy, xx = np.mgrid[0:28, 0:28] - 13.5
    a = rng.normal(0, 0.25)
    u, v = xx * np.cos(a) + yy * np.sin(a) + rng.normal(0, 1), -xx * np.sin(a) + yy * np.cos(a) + rng.normal(0, 1)
    width = W * np.clip(1 - (np.abs(u) / L) ** 2, 0, None) ** taper
    inside = np.abs(v) < width
    img = np.full((28, 28), 0.7)
    img[inside] = 0.5 + 0.12 * np.sin(2 * np.pi * u / per + rng.uniform(0, 6))[inside]
    if raphe:
        img[inside & (np.abs(v) < 0.8)] -= 0.18
    return img + rng.normal(0, 0.13, img.shape)


class Layer(nn.Module):
    def __init__(self, c, k):
        super().__init__()
        self.bn, self.conv = nn.BatchNorm2d(c), nn.Conv2d(c, k, 3, padding=1, bias=False)

    def forward(self, x):
        return torch.cat([x, self.conv(F.relu(self.bn(x)))], 1)


def dense_net(k, n=3, classes=6):
    mods, c = [nn.Conv2d(1, 2 * k, 3, stride=2, padding=1, bias=False)], 2 * k
    for stage in range(2):
        for _ in range(n):
            mods.append(Layer(c, k))
            c += k
        if stage == 0:
            mods += [nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, c // 2, 1, bias=False), nn.AvgPool2d(2)]
            c //= 2
    net = nn.Sequential(*mods, nn.BatchNorm2d(c), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, classes))
    for m in net.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight)
        elif isinstance(m, nn.Linear):
            nn.init.zeros_(m.bias)
    return net


rng = np.random.default_rng(12)
y = torch.tensor(rng.integers(0, 6, 2400))
x = torch.tensor(np.stack([crop(rng, int(k)) for k in y])).float().unsqueeze(1)
x = (x - x[:1600].mean()) / x[:1600].std()

model = dense_net(args.growth)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), args.lr, momentum=0.9, nesterov=True, weight_decay=args.wd)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [args.epochs // 2, args.epochs * 3 // 4], 0.1)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, criterion)


def test(lo, hi, split):
    loss = right = 0
    with writer.evaluating(split):
        for xb, yb in zip(x[lo:hi].split(200), y[lo:hi].split(200)):
            o = model(xb)
            loss += criterion(o, yb).item() * len(yb) / (hi - lo)
            right += (o.argmax(1) == yb).sum().item()
    return loss, right / (hi - lo)


vals = []
for epoch in range(args.epochs):
    model.train()
    for idx in torch.randperm(1600).split(32):
        xb = x[idx]
        if torch.rand(()) < 0.5:
            xb = xb.flip(-1)
        if torch.rand(()) < 0.5:
            xb = xb.flip(-2)
        loss = criterion(model(xb), y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scheduler.step()
    vl, va = test(1600, 2000, "val")
    vals.append(vl)
    print(f"[{epoch + 1}/{args.epochs}] train {loss.item():.4f} val {vl:.4f} acc {va:.4f}")
tl, ta = test(2000, 2400, "test")
writer.close()
print(f"RESULT test_acc {ta:.4f} test_ce {tl:.4f} val_min {min(vals):.4f} val_last {vals[-1]:.4f}")
