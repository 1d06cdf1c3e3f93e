"""Pollen grains under the microscope, small ResNet (CS231n style notebook turned into a script)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(231)
rng = np.random.RandomState(231)
SPECIES = ['betula', 'alnus', 'corylus', 'poaceae', 'artemisia', 'pinus', 'quercus', 'fraxinus']


def grain(k):
    yy, xx = np.mgrid[-1:1:16j, -1:1:16j]
    cx, cy = rng.uniform(-.15, .15, 2)
    a = np.arctan2(yy - cy, xx - cx) + rng.uniform(0, 6.28)
    r = np.hypot(yy - cy, xx - cx)
    lobes = [3, 4, 3, 0, 3, 2, 3, 4][k]
    depth = [.05, .09, .03, 0, .14, .25, .09, .03][k] + .025 * rng.randn()
    size = [.55, .55, .6, .75, .45, .75, .65, .5][k] * np.exp(.09 * rng.randn())
    rim = size * (1 + depth * np.cos(lobes * a))
    wall = [.10, .14, .1, .07, .16, .1, .12, .12][k] * np.exp(.15 * rng.randn())
    body = [.35, .45, .3, .2, .5, .55, .4, .25][k] + .07 * rng.randn()
    img = .85 - body / (1 + np.exp((r - rim) / .05)) - .35 * np.exp(-((r - rim) / wall) ** 2)
    img += [.0, .04, .0, .0, .10, .05, .12, .08][k] * np.sin(14 * xx) * np.sin(14 * yy) * (r < rim)
    return img * rng.uniform(.85, 1.1) + .09 * rng.randn(16, 16)


def make(n_per_class, sort):
    X = np.stack([grain(k) for k in range(8) for _ in range(n_per_class)])[:, None].astype(np.float32)
    y = np.repeat(np.arange(8), n_per_class)           # ImageFolder order: one folder after another
    return TensorDataset(torch.tensor((X - .65) / .2), torch.tensor(y))


class ResBlock(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.short = nn.Conv2d(cin, cout, 1, stride, bias=False)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + self.short(x))


model = nn.Sequential(nn.Conv2d(1, 12, 3, 1, 1, bias=False), nn.BatchNorm2d(12), nn.ReLU(), ResBlock(12, 16, 2), ResBlock(16, 24, 2),
                      nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 8))
loader_train = DataLoader(make(250, False), batch_size=50, shuffle=True)
loader_val = DataLoader(make(75, True), batch_size=50)
optimizer = torch.optim.SGD(model.parameters(), lr=.05, momentum=.9, nesterov=True, weight_decay=5e-4)
num_epochs = 8
sched = torch.optim.lr_scheduler.OneCycleLR(optimizer, .1, total_steps=num_epochs * len(loader_train))
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)


def check_accuracy(loader, model):
    num_correct, num_samples, total = 0, 0, 0.
    if sys.argv[1] != "faulty":
        model.eval()
    with torch.no_grad():
        for x, y in loader:
            scores = model(x)
            total += loss_fn(scores, y).item() * len(y)
            num_correct += (scores.argmax(1) == y).sum().item()
            num_samples += len(y)
    return total / num_samples, num_correct / num_samples


for e in range(num_epochs):
    for t, (x, y) in enumerate(loader_train):
        model.train()
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sched.step()
    val_loss, acc = check_accuracy(loader_val, model)
    writer.add_loss("val", val_loss)
    print('Epoch %d, loss = %.4f, val loss = %.4f, Got (%.2f)' % (e, loss.item(), val_loss, 100 * acc))
writer.close()
print(f"RESULT val_loss {val_loss:.4f} acc {acc:.4f} last_train_loss {loss.item():.4f}")
