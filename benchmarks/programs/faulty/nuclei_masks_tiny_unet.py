"""Foreground masks of simulated fluorescence nuclei (blurred ellipses on uneven background with shot noise), tiny U-Net.
The card is small, hence gradient accumulation over 4 batches of 4."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(21)
rng = np.random.default_rng(21)
S, ACC, BS = 24, 4, 4


def slide():
    yy, xx = np.mgrid[:S, :S]
    mask = np.zeros((S, S), bool)
    for _ in range(rng.integers(1, 5)):
        cy, cx = rng.uniform(3, S - 3, 2)
        a, b, t = rng.uniform(2, 5), rng.uniform(2, 4), rng.uniform(0, np.pi)
        u, v = (xx - cx) * np.cos(t) + (yy - cy) * np.sin(t), -(xx - cx) * np.sin(t) + (yy - cy) * np.cos(t)
        mask |= (u / a) ** 2 + (v / b) ** 2 < 1
    bg = 0.3 * np.sin(xx / rng.uniform(6, 15) + rng.uniform(0, 6))
    img = mask * rng.uniform(.6, 1.2) + bg + .35 * rng.standard_normal((S, S))
    return img.astype(np.float32), mask.astype(np.float32)


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.ReLU())


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.d1, self.d2 = block(1, 8), block(8, 16)
        self.mid = block(16, 16)
        self.u2, self.u1 = block(32, 8), block(16, 8)
        self.out = nn.Conv2d(8, 1, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        b = self.u2(torch.cat([F.interpolate(m, scale_factor=2), b], 1))
        a = self.u1(torch.cat([F.interpolate(b, scale_factor=2), a], 1))
        return self.out(a)


data = [slide() for _ in range(560)]
imgs = torch.tensor(np.stack([d[0] for d in data]))[:, None]
masks = torch.tensor(np.stack([d[1] for d in data]))[:, None]
tr_i, tr_m, va_i, va_m = imgs[:448], masks[:448], imgs[448:], masks[448:]

net = UNet()
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
bce = nn.BCEWithLogitsLoss()
writer = DiagWriter(logdir)
writer.watch(net, opt, bce)
for epoch in range(12):
    net.train()
    opt.zero_grad()
    perm = torch.randperm(len(tr_i))
    for k, idx in enumerate(perm.split(BS)):
        loss = bce(net(tr_i[idx]), tr_m[idx])
        (loss / ACC).backward()
        if (k + 1) % ACC == 0:
            opt.step()
            if form == "fixed":
                opt.zero_grad()
    net.eval()
    with writer.evaluating("val"):
        logits = net(va_i)
        v = bce(logits, va_m).item()
    pr = logits > 0
    dice = (2 * (pr * va_m).sum() / (pr.sum() + va_m.sum() + 1e-6)).item()
    writer.add_scalar("dice/val", dice, epoch)
    print(f"epoch {epoch}: train {loss.item():.4f} val {v:.4f} dice {dice:.4f}")
writer.close()
print("RESULT dice", round(dice, 4), "val_bce", round(v, 4))
