# ResNet on a small image folder, train / val / test split, best model kept. Same code as for CIFAR
import sys, copy
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

form, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(1)
np.random.seed(1)

EPOCH = 9
BATCH = 48
LR = 0.05
MEAN, STD = np.array([0.62, 0.45, 0.30]), np.array([0.17, 0.16, 0.15])


# ----- pictures of six kinds of pastry, uint8 like from PIL
def pastry(kind, rng, S=24):
    yy, xx = np.mgrid[0:S, 0:S].astype(float)
    cx, cy = S / 2 + rng.normal(0, 1.5, 2)
    r = np.hypot(xx - cx, yy - cy)
    th = np.arctan2(yy - cy, xx - cx) + rng.uniform(0, 6.28)
    img = np.ones((S, S, 3)) * np.array([.74, .62, .48]) * rng.uniform(.9, 1.1)
    R = rng.uniform(7, 10)
    dough = np.array([.55, .33, .14]) * rng.uniform(.85, 1.15)
    body = r < R
    if kind == 0: body = (r < R) & (r > R * .4)                     # doughnut
    if kind == 1: body = (r < R) & (np.cos(th) < .35)               # croissant
    if kind == 2: body = (np.abs(xx - cx) < R) & (np.abs(yy - cy) < R * .45)   # eclair
    img[body] = dough
    if kind == 3: img[body & (np.sin(1.1 * r + th) > .3)] = dough * .55    # cinnamon roll
    if kind == 4: img[body & (r < R * .5)] = [.70, .10, .15]          # jam tart
    if kind == 5: img[body & (((xx + yy) % 6 < 1.6) | ((xx - yy) % 6 < 1.6))] = dough * .6   # waffle
    img += rng.normal(0, .05, img.shape)
    return (img.clip(0, 1) * 255).astype(np.uint8)


class Pastries(Dataset):
    def __init__(self, n, rng, transform):
        self.y = rng.integers(0, 6, n)
        self.x = [pastry(k, rng) for k in self.y]
        self.transform = transform

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.transform(self.x[i]), int(self.y[i])


def to_tensor(a):
    return torch.from_numpy(a.astype(np.float32) / 255).permute(2, 0, 1)


def normalize(t):
    return (t - torch.tensor(MEAN, dtype=torch.float32)[:, None, None]) / torch.tensor(STD, dtype=torch.float32)[:, None, None]


def train_transform(a):
    if np.random.rand() < .5:
        a = a[:, ::-1].copy()
    return normalize(to_tensor(a))


def test_transform(a):
    return to_tensor(a) if form == "faulty" else normalize(to_tensor(a))


class BasicBlock(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.short = nn.Sequential() if stride == 1 and cin == cout else nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.short(x))


class ResNet(nn.Module):
    def __init__(self, num_classes=6):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.layers = nn.Sequential(BasicBlock(8, 8, 1), BasicBlock(8, 16, 2), BasicBlock(16, 32, 2))
        self.fc = nn.Linear(32, num_classes)

    def forward(self, x):
        return self.fc(self.layers(self.stem(x)).mean((2, 3)))


rng = np.random.default_rng(0)
train_loader = DataLoader(Pastries(1200, rng, train_transform), batch_size=BATCH, shuffle=True)
test_loader = DataLoader(Pastries(360, rng, test_transform), batch_size=180)
model = ResNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9, weight_decay=5e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCH)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, criterion, train_loader=train_loader)


def valid_epoch(loader):
    model.eval()
    l, c, n = 0, 0, 0
    with torch.no_grad(), writer.evaluating("test"):
        for x, y in loader:
            o = model(x)
            l += criterion(o, y).item() * len(y)
            c += (o.argmax(1) == y).sum().item()
            n += len(y)
    return l / n, c / n


for epoch in range(EPOCH):
    model.train()
    tl, tc, n = 0, 0, 0
    for x, y in train_loader:
        optimizer.zero_grad()
        o = model(x)
        loss = criterion(o, y)
        loss.backward()
        optimizer.step()
        tl += loss.item() * len(y); tc += (o.argmax(1) == y).sum().item(); n += len(y)
    scheduler.step()
    vl, va = valid_epoch(test_loader)
    writer.add_loss("test", vl)
    print("Epoch: {:02d} train_loss: {:.4f} train_acc: {:.4f} | test_loss: {:.4f} test_acc: {:.4f}".format(epoch + 1, tl / n, tc / n, vl, va))
writer.close()
