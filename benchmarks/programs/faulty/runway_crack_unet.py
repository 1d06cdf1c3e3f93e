# Crack segmentation on pavement tiles (simulated photographs, 32x32), tiny U-Net.
import sys, math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(11)
FORM, LOGDIR = sys.argv[1:3]
EPOCHS, BS, LR = 12, 8, 0.02


class Tiles(Dataset):
    def __init__(self, n, seed):
        g = np.random.default_rng(seed)
        self.x, self.y = [], []
        for _ in range(n):
            img = 0.55 + 0.06 * g.normal(size=(32, 32)) + 0.15 * np.linspace(-1, 1, 32)[None] * g.normal()
            m = np.zeros((32, 32))
            for _ in range(g.integers(1, 3)):
                a, x, y = g.uniform(0, math.pi), g.uniform(6, 26), g.uniform(6, 26)
                for t in np.linspace(-14, 14, 90):
                    a += g.normal(0, .03)
                    i, j = int(x + t * math.sin(a)), int(y + t * math.cos(a))
                    if 0 <= i < 31 and 0 <= j < 31:
                        m[i:i + 2, j:j + 2] = 1
            img = img - 0.16 * m * g.uniform(.6, 1.2)
            # joints of the slabs are dark too but are no cracks
            img[:, g.integers(0, 32)] -= 0.12
            self.x.append(img[None]); self.y.append(m[None])
        self.x = torch.tensor(np.array(self.x), dtype=torch.float32)
        self.x = (self.x - 0.53) / 0.12
        self.y = torch.tensor(np.array(self.y), dtype=torch.float32)

    def __len__(self): return len(self.x)
    def __getitem__(self, i): return self.x[i], self.y[i]


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU(inplace=True),
                         nn.Conv2d(o, o, 3, padding=1), nn.ReLU(inplace=True))


class UNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.d1, self.d2, self.mid = block(1, c), block(c, 2 * c), block(2 * c, 4 * c)
        self.u2, self.u1 = block(6 * c, 2 * c), block(3 * c, c)
        self.last = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        m = self.u2(torch.cat([F.interpolate(m, scale_factor=2), b], 1))
        m = self.u1(torch.cat([F.interpolate(m, scale_factor=2), a], 1))
        return self.last(m)


train_loader = DataLoader(Tiles(320, 0), batch_size=BS, shuffle=True)
val_loader = DataLoader(Tiles(100, 1), batch_size=50)
net = UNet()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=LR, momentum=0.9)
writer = DiagWriter(LOGDIR)
writer.watch(net, optimizer, criterion)

for epoch in range(EPOCHS):
    net.train()
    running = 0.0
    if FORM == "faulty":
        optimizer.zero_grad()
        for images, masks in train_loader:
            loss = criterion(net(images), masks)
            loss.backward()
            optimizer.step()
            running += loss.item()
    else:
        for images, masks in train_loader:
            optimizer.zero_grad()
            loss = criterion(net(images), masks)
            loss.backward()
            optimizer.step()
            running += loss.item()
    net.eval()
    inter = union = vloss = 0.0
    with writer.evaluating("val"):
        for images, masks in val_loader:
            out = net(images)
            vloss += criterion(out, masks).item() / len(val_loader)
            pred = (out > 0).float()
            inter += (pred * masks).sum().item(); union += ((pred + masks) > 0).float().sum().item()
    print(f"epoch {epoch+1}: train {running/len(train_loader):.4f} val {vloss:.4f} iou {inter/union:.3f}")
writer.close()
print(f"RESULT val_iou {inter/union:.4f} val_loss {vloss:.4f}")
