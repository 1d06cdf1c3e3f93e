"""UNet for binary segmentation: small lesions, about 2 % of the pixels."""
import argparse
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument("form", choices=["faulty", "fixed"])
parser.add_argument("log_dir")
parser.add_argument("--batch_size", type=int, default=8)
parser.add_argument("--learning_rate", type=float, default=3e-3)
parser.add_argument("--max_steps", type=int, default=400)
FLAGS = parser.parse_args()
torch.manual_seed(0)


class Slices(Dataset):
    def __init__(self, n, seed, size=32):
        rng = np.random.default_rng(seed)
        yy, xx = np.mgrid[0:size, 0:size]
        self.items = []
        for _ in range(n):
            img = rng.normal(0, 1, (size, size))
            img = (img + np.roll(img, 1, 0) + np.roll(img, 1, 1) + np.roll(img, (1, 1), (0, 1))) / 2
            mask = np.zeros((size, size), np.int64)
            for _ in range(rng.integers(1, 3)):
                cy, cx, r = rng.uniform(4, size - 4), rng.uniform(4, size - 4), rng.uniform(1.6, 2.6)
                mask[(yy - cy) ** 2 + (xx - cx) ** 2 < r * r] = 1
            img = img + 1.2 * mask
            self.items.append((torch.tensor(img, dtype=torch.float32)[None], torch.tensor(mask)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def double_conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())


class UNet(nn.Module):
    def __init__(self, n_class=2, c=8):
        super().__init__()
        self.d1, self.d2, self.mid = double_conv(1, c), double_conv(c, 2 * c), double_conv(2 * c, 4 * c)
        self.up2, self.u2 = nn.ConvTranspose2d(4 * c, 2 * c, 2, 2), double_conv(4 * c, 2 * c)
        self.up1, self.u1 = nn.ConvTranspose2d(2 * c, c, 2, 2), double_conv(2 * c, c)
        self.out = nn.Conv2d(c, n_class, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        y = self.u2(torch.cat([self.up2(m), b], 1))
        return self.out(self.u1(torch.cat([self.up1(y), a], 1)))


def dice(logits, mask):
    p = logits.argmax(1)
    return (2 * (p * mask).sum() / (p.sum() + mask.sum() + 1e-6)).item(), (p * mask).sum().item() / mask.sum().item()


train_loader = DataLoader(Slices(400, 0), FLAGS.batch_size, shuffle=True)
val_x, val_y = next(iter(DataLoader(Slices(60, 1), 60)))
print(f"lesion pixels: {val_y.float().mean():.3%}")
net = UNet()
if FLAGS.form == "faulty":
    criterion = nn.CrossEntropyLoss()
else:
    criterion = nn.CrossEntropyLoss(weight=torch.tensor([0.1, 0.9]))
optimizer = torch.optim.Adam(net.parameters(), lr=FLAGS.learning_rate)
writer = DiagWriter(FLAGS.log_dir)
writer.watch(net, optimizer, criterion)

step = 0
while step < FLAGS.max_steps:
    net.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
        step += 1
        if step % 100 == 0:
            net.eval()
            with torch.no_grad(), writer.evaluating("val"):
                logits = net(val_x)
                vloss = criterion(logits, val_y)
            d, rec = dice(logits, val_y)
            print(f"step {step} ce {loss.item():.4f} val ce {vloss.item():.4f} dice {d:.3f} lesion recall {rec:.3f} pixel acc {(logits.argmax(1) == val_y).float().mean():.4f}")
            net.train()
writer.close()
