import sys, time
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)

# --- microscope pictures of pollen, 24x24 grey: smooth, spiky, three pores, elongated ---
yy, xx = np.mgrid[-1:1:24j, -1:1:24j]


def grain(c):
    cx, cy = np.random.uniform(-.2, .2, 2)
    x, y = xx - cx, yy - cy
    a = np.random.uniform(0, 2 * np.pi)
    x, y = x * np.cos(a) + y * np.sin(a), -x * np.sin(a) + y * np.cos(a)
    e = np.random.uniform(1, 1.2) if c != 3 else np.random.uniform(1.2, 1.8)
    rad, phi = np.sqrt((x * e) ** 2 + y ** 2), np.arctan2(y, x * e)
    r0 = np.random.uniform(.45, .62)
    if c == 1:
        r0 = r0 * (1 + np.random.uniform(.08, .22) * np.cos(np.random.randint(7, 10) * phi))
    img = 1 / (1 + np.exp((rad - r0) * 22))
    if c == 2:
        depth = np.random.uniform(.35, .9)
        for k in range(3):
            px, py = .34 * np.cos(k * 2.1), .34 * np.sin(k * 2.1)
            img -= depth * np.exp(-((x - px) ** 2 + (y - py) ** 2) / .012)
    img = img * np.random.uniform(.5, 1) * (1 - .3 * rad * np.random.rand())
    return img + np.random.normal(0, .08, img.shape)


N = 2600
labels = np.random.randint(0, 4, N)
images = np.stack([grain(c) for c in labels]).astype(np.float32)
images = torch.from_numpy(images).unsqueeze(1)
labels = torch.from_numpy(labels)
mean, std = images[:2000].mean(), images[:2000].std()
images = (images - mean) / std
x_train, y_train, x_val, y_val = images[:2000], labels[:2000], images[2000:], labels[2000:]


class PollenNet(nn.Module):
    def __init__(self, num_classes=4):
        super(PollenNet, self).__init__()
        self.conv1 = nn.Conv2d(1, 12, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(12)
        self.conv2 = nn.Conv2d(12, 24, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(24)
        self.pool = nn.MaxPool2d(2, 2)
        self.fc1 = nn.Linear(24 * 6 * 6, 64)
        self.fc2 = nn.Linear(64, num_classes)
        self.dropout = nn.Dropout(0.2)

    def forward(self, x):
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = self.pool(F.relu(self.bn2(self.conv2(x))))
        x = torch.flatten(x, 1)
        x = self.dropout(F.relu(self.fc1(x)))
        return self.fc2(x)


def rotate_randomly(x):
    k = np.random.randint(4)
    x = torch.rot90(x, k, (2, 3))
    return x.flip(3) if np.random.rand() < .5 else x


net = PollenNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[11], gamma=0.1)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, criterion)

t0 = time.time()
for epoch in range(14):
    net.train()
    running_loss = 0.0
    for idx in torch.randperm(2000).split(32):
        inputs, targets = rotate_randomly(x_train[idx]), y_train[idx]
        optimizer.zero_grad()
        loss = criterion(net(inputs), targets)
        loss.backward()
        optimizer.step()
        running_loss += loss.item() * len(idx)
    scheduler.step()
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = net(x_val)
        val_loss = criterion(out, y_val).item()
        val_acc = (out.argmax(1) == y_val).float().mean().item()
    print('[%d] train loss %.3f  val loss %.3f  val acc %.3f  (%.0fs)' % (epoch + 1, running_loss / 2000, val_loss, val_acc, time.time() - t0))
writer.close()
print(f"RESULT train {running_loss / 2000:.4f} val {val_loss:.4f} acc {val_acc:.4f}")
