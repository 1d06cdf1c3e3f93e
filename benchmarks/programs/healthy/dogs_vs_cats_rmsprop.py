"""Dogs vs cats from scratch, after F. Chollet's "Building powerful image classification models using very little data"
(conv 32-32-64, dropout .5, one sigmoid unit, rmsprop, random flips and shifts), on drawn 32x32 heads."""
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)

yy, xx = np.mgrid[0:32, 0:32].astype(np.float32)


def draw(rng):
    """a head with ears in front of a textured background; cats have pointed ears standing up, dogs ears that hang"""
    dog = rng.integers(2)
    img = np.ones((3, 32, 32), np.float32) * rng.uniform(.2, .9, (3, 1, 1))
    img += .12 * np.sin(xx * rng.uniform(.1, .6) + yy * rng.uniform(.1, .6) + rng.uniform(0, 6))
    cx, cy, r = rng.uniform(12, 20), rng.uniform(15, 21), rng.uniform(6.5, 9)
    fur = rng.uniform(.1, .9, (3, 1))
    head = ((xx - cx) / r) ** 2 + ((yy - cy) / (r * rng.uniform(.85, 1.1))) ** 2 < 1
    img[:, head] = fur
    droop = (rng.normal(.75, .38) if dog else rng.normal(-.55, .38))
    for s in (-1, 1):
        ex, ey = cx + s * r * .8, cy - r * .7 + droop * r * .5
        w, h = rng.uniform(2, 3.5), rng.uniform(3, 5)
        if rng.random() < .5 + .4 * (1 if droop > 0 else -1):
            ear = ((xx - ex) / w) ** 2 + ((yy - ey) / h) ** 2 < 1
        else:
            ear = (abs(xx - ex) < (yy - ey + h) * w / (2 * h)) & (yy < ey + h)
        img[:, ear] = fur * rng.uniform(.6, 1.)
        eye = (xx - cx - s * r * .35) ** 2 + (yy - cy + r * .2) ** 2 < 1.6
        img[:, eye] = .05
    muzzle = ((xx - cx) / (2.8 if dog else 2)) ** 2 + ((yy - cy - r * .4) / 2) ** 2 < 1
    img[:, muzzle] = fur * .6 + (.35 if rng.random() < .5 else 0)
    img += rng.normal(0, .07, img.shape)
    return np.clip(img, 0, 1).astype(np.float32), float(dog)


class Heads(Dataset):
    def __init__(self, n, seed, augment):
        rng = np.random.default_rng(seed)
        self.items = [draw(rng) for _ in range(n)]
        self.augment = augment

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        x, y = self.items[i]
        x = torch.from_numpy(x)
        if self.augment:
            if torch.rand(1) < .5:
                x = x.flip(2)
            dx, dy = torch.randint(-2, 3, (2,)).tolist()
            x = torch.roll(F.pad(x[None], (2, 2, 2, 2), mode='replicate')[0], (dy, dx), (1, 2))[:, 2:-2, 2:-2]
        return x, torch.tensor([y])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3)
        self.conv2 = nn.Conv2d(16, 16, 3)
        self.conv3 = nn.Conv2d(16, 32, 3)
        self.fc1 = nn.Linear(32 * 2 * 2, 64)
        self.fc2 = nn.Linear(64, 1)

    def forward(self, x):
        for conv in (self.conv1, self.conv2, self.conv3):
            x = F.max_pool2d(F.relu(conv(x)), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        x = F.dropout(x, .5, self.training)
        return torch.sigmoid(self.fc2(x))


batch_size = 16
train_generator = DataLoader(Heads(2000, 0, True), batch_size=batch_size, shuffle=True)
validation_generator = DataLoader(Heads(800, 1, False), batch_size=100)
model = Net()
criterion = nn.BCELoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, alpha=.9, eps=1e-7)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

nb_epoch = 14
for epoch in range(nb_epoch):
    model.train()
    loss_sum = acc_sum = 0
    for x, y in train_generator:
        out = model(x)
        loss = criterion(out, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(y)
        acc_sum += ((out > .5) == (y > .5)).sum().item()
    model.eval()
    vl = va = 0
    with writer.evaluating("val"), torch.no_grad():
        for x, y in validation_generator:
            out = model(x)
            vl += criterion(out, y).item() * len(y) / 800
            va += ((out > .5) == (y > .5)).sum().item() / 800
    print(f"Epoch {epoch + 1}/{nb_epoch} loss: {loss_sum / 2000:.4f} acc: {acc_sum / 2000:.4f} val_loss: {vl:.4f} val_acc: {va:.4f}")
writer.close()
print(f"RESULT train {loss_sum / 2000:.4f} val {vl:.4f} acc {va:.4f}")
