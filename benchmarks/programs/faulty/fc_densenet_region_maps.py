"""Semantic segmentation of synthetic street blocks with a small FC-DenseNet."""
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

from tb_lossdiag import DiagWriter

form = sys.argv[1]
logdir = sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(13)
CLASSES = 4
COLORS = np.array([[90, 110, 80], [130, 130, 135], [170, 90, 70], [60, 110, 160]])


def draw(rng, size=32):
    mask = np.zeros((size, size), np.uint8)
    row = rng.integers(6, 24)
    mask[row:row + rng.integers(3, 7)] = 1
    for cls in (2, 3):
        for _ in range(rng.integers(1, 4)):
            top, left = rng.integers(0, size - 8, 2)
            h, w = rng.integers(4, 10, 2)
            mask[top:top + h, left:left + w] = cls
    image = COLORS[mask] * rng.uniform(0.75, 1.2) + rng.normal(0, 18, (size, size, 3))
    return np.clip(image, 0, 255).astype(np.uint8), mask


def normalize_data(image, mask):
    image = image.astype(np.float32) / 255.0
    if form == "faulty":
        mask = mask.astype(np.float32) / 255.0
    return image, mask


class Blocks(Dataset):
    def __init__(self, n, seed, parse):
        rng = np.random.default_rng(seed)
        self.pairs = [draw(rng) for _ in range(n)]
        self.parse = parse

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, i):
        image, mask = self.parse(*self.pairs[i])
        return torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(np.asarray(mask).astype(np.int64))


class DenseBlock(nn.Module):
    def __init__(self, cin, growth, n):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(cin + i * growth), nn.ReLU(),
                          nn.Conv2d(cin + i * growth, growth, 3, padding=1)) for i in range(n))

    def forward(self, x):
        for layer in self.layers:
            x = torch.cat([x, layer(x)], 1)
        return x


class Tiramisu(nn.Module):
    def __init__(self, growth=8):
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, padding=1)
        self.down = DenseBlock(16, growth, 2)
        self.bottom = DenseBlock(32, growth, 2)
        self.transition = nn.ConvTranspose2d(48, 16, 2, stride=2)
        self.up = DenseBlock(48, growth, 2)
        self.head = nn.Conv2d(64, CLASSES, 1)

    def forward(self, x):
        skip = self.down(self.first(x))
        x = self.transition(self.bottom(F.max_pool2d(skip, 2)))
        return self.head(self.up(torch.cat([x, skip], 1)))


def mean_iou(pred, truth):
    ious = [((pred == c) & (truth == c)).sum().item() / max(1, ((pred == c) | (truth == c)).sum().item())
            for c in range(CLASSES)]
    return sum(ious) / CLASSES


train = DataLoader(Blocks(240, 1, normalize_data), batch_size=8, shuffle=True)
valid = Blocks(60, 2, normalize_data)
truth = torch.from_numpy(np.stack([m for _, m in valid.pairs])).long()
net = Tiramisu()
opt = torch.optim.RMSprop(net.parameters(), lr=1e-3)
writer = DiagWriter(logdir)
writer.watch(net, opt, train_loader=train)

for epoch in range(8):
    net.train()
    for image, mask in train:
        opt.zero_grad()
        xent = F.cross_entropy(net(image), mask)
        xent.backward()
        opt.step()
    net.eval()
    with writer.evaluating("val"):
        images, masks = zip(*(valid[i] for i in range(len(valid))))
        out = net(torch.stack(images))
        val = F.cross_entropy(out, torch.stack(masks)).item()
    miou = mean_iou(out.argmax(1), truth)
    print("epoch", epoch, "train %.4f val %.4f miou %.4f" % (xent.item(), val, miou))

writer.close()
print("RESULT val_loss %.4f mean_iou %.4f pixel_acc %.4f" % (val, miou, (out.argmax(1) == truth).float().mean().item()))
