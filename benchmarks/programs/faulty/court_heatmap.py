import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(0)
torch.set_num_threads(1)
S, KPS = 32, 4


def gaussian(cy, cx, sigma=1.5):
    yy, xx = np.mgrid[:S, :S]
    return np.exp(-((yy - cy) ** 2 + (xx - cx) ** 2) / (2 * sigma ** 2))


class CourtDataset(Dataset):
    """a quadrilateral court seen from a random viewpoint; heatmaps of its four corners"""

    def __init__(self, n, seed):
        g = np.random.default_rng(seed)
        self.x, self.hm, self.kps = [], [], []
        base = np.array([[8, 9], [8, 23], [25, 5], [25, 27]], float)
        for _ in range(n):
            k = base + g.normal(0, 1.7, (4, 2)) + g.normal(0, 2.0, 2)
            k = k.clip(2, S - 3)
            img = g.normal(0, .25, (S, S))
            for a, b in ((0, 1), (2, 3), (0, 2), (1, 3)):
                for t in np.linspace(0, 1, 60):
                    y, x = k[a] * (1 - t) + k[b] * t
                    img[int(round(y)), int(round(x))] = 1.6 + g.normal(0, .2)
            self.x.append(((img - .12) / .5).astype(np.float32)[None])
            self.hm.append(np.stack([gaussian(*p) for p in k]).astype(np.float32))
            self.kps.append(k)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.hm[i], self.kps[i]


def conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(o))


class BallTrackerNet(nn.Module):
    def __init__(self, out_channels=KPS):
        super().__init__()
        self.enc1, self.enc2, self.enc3 = conv(1, 12), conv(12, 24), conv(24, 32)
        self.pool, self.up = nn.MaxPool2d(2), nn.Upsample(scale_factor=2)
        self.dec2, self.dec1 = conv(56, 24), conv(36, 12)
        self.last = nn.Conv2d(12, out_channels, 3, padding=1)

    def forward(self, x):
        a = self.enc1(x)
        b = self.enc2(self.pool(a))
        c = self.enc3(self.pool(b))
        d = self.dec2(torch.cat([self.up(c), b], 1))
        return torch.sigmoid(self.last(self.dec1(torch.cat([self.up(d), a], 1))))


def train(model, loader, optimizer, criterion, steps=40):
    model.train()
    losses = []
    for it, (x, hm, _) in enumerate(loader):
        if it >= steps:
            break
        out = model(x)
        loss = criterion(out, hm)
        if form == "fixed":
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.mean(losses)


@torch.no_grad()
def val(model, loader, criterion, writer):
    model.eval()
    losses, good, n = [], 0, 0
    with writer.evaluating("val"):
        for x, hm, kps in loader:
            out = model(x)
            losses.append(criterion(out, hm).item())
            flat = out.flatten(2).argmax(2)
            pred = torch.stack([flat // S, flat % S], -1)
            good += ((pred - kps).norm(dim=-1) < 3).sum().item()
            n += kps.shape[0] * KPS
    return np.mean(losses), good / n


train_loader = DataLoader(CourtDataset(320, 1), batch_size=8, shuffle=True)
val_loader = DataLoader(CourtDataset(80, 2), batch_size=40)
model = BallTrackerNet()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.999), weight_decay=0)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(12):
    tl = train(model, train_loader, optimizer, criterion)
    vl, acc = val(model, val_loader, criterion, writer)
    print(f"epoch {epoch} train_loss {tl:.5f} val_loss {vl:.5f} kp<3px {acc:.3f}")
writer.close()
