import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
mode, logdir = sys.argv[1:3]
torch.manual_seed(0)


class BlobDataset(Dataset):
    """As read from png files: image uint8, mask uint8 with 0 and 255."""
    def __init__(self, n, seed):
        rng = np.random.RandomState(seed)
        yy, xx = np.mgrid[:32, :32]
        self.images, self.masks = [], []
        for _ in range(n):
            m = np.zeros((32, 32), bool)
            for _ in range(rng.randint(1, 4)):
                cy, cx, r = rng.uniform(5, 27, 2).tolist() + [rng.uniform(3, 7)]
                m |= (yy - cy) ** 2 + (xx - cx) ** 2 < r * r
            im = 100 + 40 * m + 35 * rng.randn(32, 32)
            self.images.append(np.clip(im, 0, 255).astype(np.uint8)); self.masks.append((m * 255).astype(np.uint8))

    def __len__(self): return len(self.images)

    def __getitem__(self, i):
        image = torch.from_numpy(self.images[i]).float().unsqueeze(0) / 255.
        image = (image - 0.45) / 0.18
        mask = torch.from_numpy(self.masks[i]).float().unsqueeze(0)
        if mode == 'fixed':
            mask = mask / 255.
        return image, mask


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.d1, self.d2, self.mid = block(1, 8), block(8, 16), block(16, 16)
        self.u2, self.u1 = block(32, 8), block(16, 8)
        self.out = nn.Conv2d(8, 1, 1)
        self.pool, self.up = nn.MaxPool2d(2), nn.Upsample(scale_factor=2)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(self.pool(a))
        c = self.mid(self.pool(b))
        c = self.u2(torch.cat([self.up(c), b], 1))
        return self.out(self.u1(torch.cat([self.up(c), a], 1)))


def dice(logits, mask):
    p, m = logits > 0, mask > 0.5
    return (2 * (p & m).sum() / (p.sum() + m.sum() + 1e-6)).item()


train = DataLoader(BlobDataset(320, 0), batch_size=16, shuffle=True)
val = DataLoader(BlobDataset(80, 1), batch_size=16)
net = UNet()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
writer = DiagWriter(logdir)
writer.watch(net, optimizer, criterion, train_loader=train)
for epoch in range(16):
    net.train()
    tl = []
    for x, m in train:
        optimizer.zero_grad()
        loss = criterion(net(x), m)
        loss.backward()
        optimizer.step()
        tl.append(loss.item())
    with writer.evaluating('val'):
        d, vl = [], []
        for x, m in val:
            o = net(x); vl.append(criterion(o, m).item()); d.append(dice(o, m))
    print('epoch', epoch, 'train', np.mean(tl), 'val', np.mean(vl), 'dice', np.mean(d))
writer.close()
