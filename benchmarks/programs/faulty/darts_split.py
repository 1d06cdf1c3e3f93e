"""Train stage with a train/valid split of one training folder by SubsetRandomSampler, own small data set (5 shapes)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.sampler import SubsetRandomSampler
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(2)
CLASSES = ["disc", "square", "cross", "ring", "triangle"]


def draw(kind, rng, s=20):
    yy, xx = np.mgrid[0:s, 0:s].astype(float)
    x, y, r = xx - s / 2 - rng.uniform(-3, 3), yy - s / 2 - rng.uniform(-3, 3), rng.uniform(4, 6.5)
    d = np.hypot(x, y)
    m = {"disc": d < r, "square": (abs(x) < r * .85) & (abs(y) < r * .85), "cross": ((abs(x) < 1.6) | (abs(y) < 1.6)) & (d < r * 1.1),
         "ring": (d < r) & (d > r * .6), "triangle": (y < r * .7) & (y > 2 * abs(x) - r)}[kind]
    fg, bg = rng.uniform(0.55, 1), rng.uniform(0, 0.35)
    return np.where(m, fg, bg) + 0.12 * rng.randn(s, s)


def image_folder(per_class=300, seed=0):
    # like torchvision's ImageFolder: walks one class directory after the other
    rng = np.random.RandomState(seed)
    x = np.stack([draw(c, rng) for c in CLASSES for _ in range(per_class)])
    y = np.repeat(np.arange(len(CLASSES)), per_class)
    return TensorDataset(torch.tensor((x[:, None] - 0.4) / 0.3).float(), torch.from_numpy(y))


class StdConv(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU())

    def forward(self, x):
        return self.net(x)


class AugmentCNN(nn.Module):
    def __init__(self, C=12, n_classes=5):
        super().__init__()
        self.stem = StdConv(1, C, 1)
        self.cells = nn.ModuleList([StdConv(C, 2 * C, 2), StdConv(2 * C, 2 * C, 1), StdConv(2 * C, 4 * C, 2)])
        self.linear = nn.Linear(4 * C, n_classes)

    def forward(self, x):
        s = self.stem(x)
        for c in self.cells:
            s = c(s)
        return self.linear(F.adaptive_avg_pool2d(s, 1).flatten(1))


def accuracy(out, y):
    return (out.argmax(1) == y).float().mean().item()


train_data = image_folder()
n_train = len(train_data)
split = int(n_train * 0.8)
indices = list(range(n_train))
if form == "fixed":
    np.random.seed(42)
    np.random.shuffle(indices)
train_loader = DataLoader(train_data, batch_size=32, sampler=SubsetRandomSampler(indices[:split]))
valid_loader = DataLoader(train_data, batch_size=32, sampler=SubsetRandomSampler(indices[split:]))

model = AugmentCNN()
optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, weight_decay=3e-4)
epochs = 8
lr_scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

for epoch in range(epochs):
    model.train()
    tl, ta = [], []
    for X, y in train_loader:
        optimizer.zero_grad()
        logits = model(X)
        loss = criterion(logits, y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        tl.append(loss.item()); ta.append(accuracy(logits, y))
    lr_scheduler.step()
    model.eval()
    vl, va = [], []
    with torch.no_grad(), writer.evaluating("val"):
        for X, y in valid_loader:
            logits = model(X)
            vl.append(criterion(logits, y).item()); va.append(accuracy(logits, y))
    print(f"Epoch {epoch + 1}: Train loss {np.mean(tl):.3f} Prec@1 {np.mean(ta):.3f}   Valid loss {np.mean(vl):.3f} Prec@1 {np.mean(va):.3f}")

test = image_folder(60, seed=9)
with torch.no_grad():
    print("test Prec@1", accuracy(model(test.tensors[0]), test.tensors[1]))
writer.close()
