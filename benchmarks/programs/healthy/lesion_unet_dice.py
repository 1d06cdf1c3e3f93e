"""Segmentation of rare blobs (6 % of the pixels): U-Net with BCE + soft Dice, whose loss does not go to zero."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)


def scans(n, seed):
    r = np.random.RandomState(seed)
    yy, xx = np.mgrid[:32, :32]
    X, M = [], []
    for _ in range(n):
        m = np.zeros((32, 32))
        for _ in range(r.randint(1, 3)):
            cy, cx, a, b = r.uniform(6, 26), r.uniform(6, 26), r.uniform(2.5, 5), r.uniform(2.5, 5)
            m = np.maximum(m, ((yy - cy) / a) ** 2 + ((xx - cx) / b) ** 2 < 1)
        X.append(m * r.uniform(.8, 1.2) + .3 * np.sin(xx / r.uniform(3, 9) + r.uniform(0, 6)) + .5 * r.randn(32, 32)); M.append(m)
    return TensorDataset(torch.tensor(np.array(X), dtype=torch.float32)[:, None], torch.tensor(np.array(M), dtype=torch.float32)[:, None])


class DiceBCE(nn.Module):
    def forward(self, logits, target):
        p = torch.sigmoid(logits)
        inter = (p * target).sum((1, 2, 3))
        dice = 1 - (2 * inter + 1) / (p.sum((1, 2, 3)) + target.sum((1, 2, 3)) + 1)
        return nn.functional.binary_cross_entropy_with_logits(logits, target) + dice.mean()


def cbr(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.GroupNorm(4, o), nn.ReLU())


class SmallUNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = cbr(1, 8), cbr(8, 16), cbr(16, 16)
        self.d, self.e, self.out = cbr(32, 8), cbr(16, 8), nn.Conv2d(8, 1, 1)

    def forward(self, x):
        a = self.a(x)
        b = self.b(nn.functional.max_pool2d(a, 2))
        c = self.c(nn.functional.max_pool2d(b, 2))
        up = nn.functional.interpolate
        d = self.d(torch.cat([up(c, scale_factor=2), b], 1))
        return self.out(self.e(torch.cat([up(d, scale_factor=2), a], 1)))


train, val = DataLoader(scans(400, 0), 16, shuffle=True), DataLoader(scans(80, 1), 40)
net, crit = SmallUNet(), DiceBCE()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 14)
writer = DiagWriter(sys.argv[1]); writer.watch(net, opt, crit)
for e in range(14):
    for x, m in train:
        opt.zero_grad(); loss = crit(net(x), m); loss.backward(); opt.step()
    sched.step()
    v, iou = [], []
    with writer.evaluating("val"):
        for x, m in val:
            o = net(x); v.append(crit(o, m).item()); p = o > 0
            iou.append(((p & (m > 0)).sum() / (p | (m > 0)).sum()).item())
    print(e, "train %.4f val %.4f IoU %.3f" % (loss.item(), np.mean(v), np.mean(iou)))
writer.close()
