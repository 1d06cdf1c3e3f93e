import os, sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(77)
LR = 4e-3 * float(os.environ.get("LRX", 1))


class Lesions(Dataset):
    """40x40 slices, a lesion covers about 3 % of the pixels, some slices have none"""

    def __init__(self, n, seed, augment=False):
        rs = np.random.RandomState(seed)
        yy, xx = np.mgrid[:40, :40]
        self.items, self.augment = [], augment
        for _ in range(n):
            img = np.zeros((40, 40))
            for _ in range(6):
                c, r = rs.uniform(0, 40, 2), rs.uniform(6, 14)
                img += rs.uniform(-.6, .6) * np.exp(-((yy - c[0]) ** 2 + (xx - c[1]) ** 2) / (2 * r * r))
            mask = np.zeros((40, 40), bool)
            for _ in range(rs.choice(3, p=[.2, .55, .25])):
                c, a, b, t = rs.uniform(6, 34, 2), rs.uniform(2.2, 4.5), rs.uniform(2.2, 4.5), rs.uniform(0, np.pi)
                u = (yy - c[0]) * np.cos(t) + (xx - c[1]) * np.sin(t)
                v = -(yy - c[0]) * np.sin(t) + (xx - c[1]) * np.cos(t)
                d = (u / a) ** 2 + (v / b) ** 2
                img += rs.uniform(.7, 1.2) / (1 + np.exp(6 * (d - 1)))
                mask |= d < 1
            img += .22 * rs.randn(40, 40)
            self.items.append((torch.tensor(img / .5, dtype=torch.float32)[None], torch.tensor(mask, dtype=torch.float32)[None]))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        x, m = self.items[i]
        if self.augment:
            k = int(torch.randint(0, 4, ()))
            x, m = torch.rot90(x, k, (1, 2)), torch.rot90(m, k, (1, 2))
            if torch.rand(()) < .5:
                x, m = x.flip(2), m.flip(2)
        return x, m


def double(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.GroupNorm(4, o), nn.ReLU(inplace=True),
                         nn.Conv2d(o, o, 3, padding=1), nn.GroupNorm(4, o), nn.ReLU(inplace=True))


class UNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.d1, self.d2, self.mid = double(1, c), double(c, 2 * c), double(2 * c, 4 * c)
        self.up2, self.u2 = nn.ConvTranspose2d(4 * c, 2 * c, 2, 2), double(4 * c, 2 * c)
        self.up1, self.u1 = nn.ConvTranspose2d(2 * c, c, 2, 2), double(2 * c, c)
        self.out = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        b = self.u2(torch.cat([self.up2(m), b], 1))
        return self.out(self.u1(torch.cat([self.up1(b), a], 1)))


class DiceBCE(nn.Module):
    def forward(self, logit, m):
        p = torch.sigmoid(logit)
        inter = (p * m).sum((1, 2, 3))
        dice = 1 - (2 * inter + 5) / (p.sum((1, 2, 3)) + m.sum((1, 2, 3)) + 5)
        return F.binary_cross_entropy_with_logits(logit, m) + dice.mean()


net, loss_fn = UNet(), DiceBCE()
opt = torch.optim.AdamW(net.parameters(), lr=LR, weight_decay=1e-3)
tr = DataLoader(Lesions(340, 1, True), batch_size=4, shuffle=True)
va = DataLoader(Lesions(120, 2), batch_size=20)
EP = 7
sch = torch.optim.lr_scheduler.PolynomialLR(opt, EP * len(tr), power=0.9)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, loss_fn)
for ep in range(EP):
    net.train()
    s = 0
    for x, m in tr:
        loss = loss_fn(net(x), m)
        opt.zero_grad()
        loss.backward()
        opt.step()
        sch.step()
        s += loss.item()
    v = i = u = 0
    with writer.evaluating("val"):
        for x, m in va:
            o = net(x)
            v += loss_fn(o, m).item()
            h = o > 0
            i += (h & (m > 0)).sum().item(); u += (h | (m > 0)).sum().item()
    print(f"epoch {ep} train {s/len(tr):.4f} val {v/len(va):.4f} iou {i/max(u,1):.3f}")
writer.close()
