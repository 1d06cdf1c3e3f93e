"""Water segmentation on small 3-band tiles (simulated: meandering rivers and ponds over fields). BCE + soft Dice."""
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
S = 32


def tile(rng):
    yy, xx = np.mgrid[0:S, 0:S].astype(float)
    centre = S / 2 + rng.uniform(-7, 7) + rng.uniform(2, 6) * np.sin(2 * np.pi * yy / rng.uniform(18, 40) + rng.uniform(0, 6))
    mask = np.abs(xx - centre) < rng.uniform(1.2, 3)
    if rng.random() < 0.5:
        mask = mask.T
    if rng.random() < 0.6:
        cy, cx = rng.uniform(4, S - 4, 2)
        mask |= ((yy - cy) / rng.uniform(2, 5)) ** 2 + ((xx - cx) / rng.uniform(2, 5)) ** 2 < 1
    img = np.empty((3, S, S))
    a, b = rng.uniform(-0.05, 0.05, 2)
    field = np.where((xx * np.cos(a * 20) + yy * np.sin(b * 20)) % 14 < 7, 0.08, -0.08)
    for c, (land, water) in enumerate([(0.45, 0.3), (0.55, 0.38), (0.6, 0.25)]):
        img[c] = np.where(mask, water, land + field * rng.uniform(0.5, 1.2)) + rng.normal(0, 0.03) + rng.normal(0, 0.1, (S, S))
    return img.astype("float32"), mask[None].astype("float32")


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True), nn.Conv2d(o, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class SmallUNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.e1, self.e2, self.mid = block(3, c), block(c, 2 * c), block(2 * c, 4 * c)
        self.up2, self.d2 = nn.ConvTranspose2d(4 * c, 2 * c, 2, 2), block(4 * c, 2 * c)
        self.up1, self.d1 = nn.ConvTranspose2d(2 * c, c, 2, 2), block(2 * c, c)
        self.out = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        a = self.e1(x)
        b = self.e2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        b = self.d2(torch.cat([self.up2(m), b], 1))
        return self.out(self.d1(torch.cat([self.up1(b), a], 1)))


class BCEDice(nn.Module):
    def forward(self, logits, target):
        p = torch.sigmoid(logits)
        inter = (p * target).sum((1, 2, 3))
        dice = (2 * inter + 1) / (p.sum((1, 2, 3)) + target.sum((1, 2, 3)) + 1)
        return F.binary_cross_entropy_with_logits(logits, target) + 1 - dice.mean()


rng = np.random.default_rng(8)
X, Y = (torch.tensor(np.stack(v)) for v in zip(*[tile(rng) for _ in range(900)]))
X = (X - X[:600].mean((0, 2, 3), keepdim=True)) / X[:600].std((0, 2, 3), keepdim=True)
train_loader = DataLoader(TensorDataset(X[:600], Y[:600]), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(X[600:750], Y[600:750]), batch_size=50)
test_loader = DataLoader(TensorDataset(X[750:], Y[750:]), batch_size=50)

net = SmallUNet()
criterion = BCEDice()
optimizer = torch.optim.Adam(net.parameters(), lr=6e-3)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.3, patience=2)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, criterion)


def run_eval(loader, split):
    inter = union = loss = 0.0
    with writer.evaluating(split):
        for x, y in loader:
            o = net(x)
            loss += criterion(o, y).item() / len(loader)
            inter += ((o > 0) & (y > 0)).sum().item()
            union += ((o > 0) | (y > 0)).sum().item()
    return loss, inter / union


curve = []
for epoch in range(15):
    net.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
    vl, iou = run_eval(val_loader, "val")
    scheduler.step(vl)
    curve.append(vl)
    print(f"epoch {epoch} val {vl:.4f} iou {iou:.4f}")
tl, tiou = run_eval(test_loader, "test")
writer.close()
print(f"RESULT test_iou {tiou:.4f} test_loss {tl:.4f} val_min {min(curve):.4f} val_last {curve[-1]:.4f}")
