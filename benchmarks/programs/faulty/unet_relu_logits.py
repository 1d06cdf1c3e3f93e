"""CT foreground segmentation: BCE stays at 0.693 and Dice at 0 after changing the network (blog post, port)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(2)


class CTSlices(Dataset):
    def __init__(self, n, seed):
        rng = np.random.RandomState(seed)
        yy, xx = np.mgrid[0:48, 0:48].astype(np.float32)
        self.x, self.y = [], []
        for _ in range(n):
            body = (((xx - 24) / 21) ** 2 + ((yy - 24) / 18) ** 2 < 1).astype(np.float32)
            img = 0.35 * body
            for _ in range(rng.randint(2, 5)):     # bones: small and bright
                cx, cy = rng.uniform(10, 38, 2)
                img += 0.5 * (((xx - cx) ** 2 + (yy - cy) ** 2) < rng.uniform(2, 8))
            cx, cy = rng.uniform(15, 33, 2)
            a, b, th = rng.uniform(4, 9), rng.uniform(4, 8), rng.uniform(0, 3.14)
            u = (xx - cx) * np.cos(th) + (yy - cy) * np.sin(th)
            v = -(xx - cx) * np.sin(th) + (yy - cy) * np.cos(th)
            mask = ((u / a) ** 2 + (v / b) ** 2 < 1).astype(np.float32)
            img = np.where(mask > 0, 0.6, img) + 0.06 * rng.randn(48, 48)
            self.x.append(((img - 0.3) / 0.25).astype(np.float32)[None])
            self.y.append(mask[None])

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True),
                         nn.Conv2d(o, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class TransUNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.e1, self.e2, self.e3 = block(1, c), block(c, 2 * c), block(2 * c, 4 * c)
        self.pool = nn.MaxPool2d(2)
        self.u2 = nn.ConvTranspose2d(4 * c, 2 * c, 2, 2)
        self.d2 = block(4 * c, 2 * c)
        self.u1 = nn.ConvTranspose2d(2 * c, c, 2, 2)
        self.d1 = block(2 * c, c)
        self.outc = nn.Conv2d(c, 1, 1)
        self.last_activation = nn.ReLU()

    def forward(self, x):
        x1 = self.e1(x)
        x2 = self.e2(self.pool(x1))
        x3 = self.e3(self.pool(x2))
        y = self.d2(torch.cat([self.u2(x3), x2], 1))
        y = self.d1(torch.cat([self.u1(y), x1], 1))
        y = self.outc(y)
        if mode == "faulty":
            y = self.last_activation(y)
        return y


def dice(logits, y):
    p = (torch.sigmoid(logits) > 0.5).float()
    return (2 * (p * y).sum() + 1e-6) / (p.sum() + y.sum() + 1e-6)


train_loader = DataLoader(CTSlices(240, 0), batch_size=4, shuffle=True)
val_loader = DataLoader(CTSlices(80, 1), batch_size=8)
model = TransUNet()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

for epoch in range(14):
    model.train()
    tl = 0
    for x, y in train_loader:
        outputs = model(x)
        loss = criterion(outputs, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tl += loss.item()
    model.eval()
    vl, vd = 0, 0
    with torch.no_grad():
        for x, y in val_loader:
            outputs = model(x)
            vl += criterion(outputs, y).item()
            vd += dice(outputs, y).item()
    print("Epoch [%d/14] train loss %.4f val loss %.4f val dice %.4f"
          % (epoch + 1, tl / len(train_loader), vl / len(val_loader), vd / len(val_loader)))
writer.close()
