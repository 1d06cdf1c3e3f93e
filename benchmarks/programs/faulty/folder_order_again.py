"""Classification trainer in the manner of super-gradients: a class-per-folder data set, dataloader params and train params as dicts."""
import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(7)

CLASSES = ["checker", "circle", "cross", "ring", "square", "stripes", "triangle", "wave"]


def draw(name, rng, size=20):
    yy, xx = np.mgrid[0:size, 0:size].astype(float)
    cx, cy, r = rng.uniform(7, 13), rng.uniform(7, 13), rng.uniform(4, 6.5)
    d = np.hypot(xx - cx, yy - cy)
    dx, dy = abs(xx - cx), abs(yy - cy)
    f = rng.uniform(0.9, 1.4)
    mask = {
        "checker": (np.sin(xx * f) * np.sin(yy * f) > 0), "circle": d < r, "cross": ((dx < 1.5) & (dy < r)) | ((dy < 1.5) & (dx < r)),
        "ring": abs(d - r) < 1.3, "square": (dx < r * .85) & (dy < r * .85), "stripes": np.sin((xx + yy) * f) > 0,
        "triangle": (yy - cy < r * .7) & (yy - cy > 2 * dx - r), "wave": abs(yy - cy - 2.5 * np.sin(xx * f)) < 1.6}[name]
    fg, bg = rng.uniform(0.5, 1), rng.uniform(0, 0.35)
    if rng.random() < 0.5:
        fg, bg = bg, fg
    img = np.where(mask, fg, bg)[None] * rng.uniform(0.7, 1, (3, 1, 1))
    return (img + rng.normal(0, 0.12, img.shape)).astype(np.float32)


class ImageFolderDataset(Dataset):
    """As torchvision's ImageFolder: samples are listed folder by folder."""

    def __init__(self, per_class, seed):
        rng = np.random.default_rng(seed)
        self.samples = [(draw(c, rng), i) for i, c in enumerate(CLASSES) for _ in range(per_class)]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, idx):
        img, label = self.samples[idx]
        return (torch.from_numpy(img) - 0.45) / 0.3, label


def block(cin, cout, stride):
    return nn.Sequential(nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(inplace=True))


class TinyNet(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.features = nn.Sequential(block(3, 16, 1), block(16, 32, 2), block(32, 32, 1), block(32, 64, 2))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, num_classes)

    def forward(self, x):
        return self.fc(self.pool(self.features(x)).flatten(1))


def accuracy(model, loader):
    model.eval()
    hits = n = 0
    with torch.no_grad():
        for x, y in loader:
            hits += (model(x).argmax(1) == y).sum().item()
            n += len(y)
    return hits / n


dataloader_params = {"batch_size": 32}
if form == "fixed":
    dataloader_params = {"batch_size": 32, "shuffle": True}
train_params = {"max_epochs": 8, "initial_lr": 0.05, "optimizer_params": {"weight_decay": 1e-4, "momentum": 0.9, "nesterov": True}}

train_dataloader = DataLoader(ImageFolderDataset(120, 0), **dataloader_params)
valid_dataloader = DataLoader(ImageFolderDataset(40, 1), batch_size=64)

net = TinyNet(len(CLASSES))
optimizer = torch.optim.SGD(net.parameters(), lr=train_params["initial_lr"], **train_params["optimizer_params"])
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, train_params["max_epochs"])
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(net, optimizer, criterion)

for epoch in range(train_params["max_epochs"]):
    net.train()
    losses = []
    for images, target in train_dataloader:
        loss = criterion(net(images), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    net.eval()
    with torch.no_grad(), writer.evaluating("valid"):
        for images, target in valid_dataloader:
            criterion(net(images), target)
    print(f"Train epoch {epoch}: loss {np.mean(losses):.4f} | valid accuracy {accuracy(net, valid_dataloader):.3f}")
writer.close()
