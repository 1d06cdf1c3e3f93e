import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(5); rng = np.random.default_rng(5)
mode, logdir = sys.argv[1], sys.argv[2]
S = 32


def smooth_noise(sigma):
    f = np.fft.fftfreq(S)
    k = np.exp(-2 * (np.pi * sigma) ** 2 * (f[:, None] ** 2 + f[None] ** 2))
    n = np.fft.ifft2(np.fft.fft2(rng.normal(size=(S, S))) * k).real
    return n / n.std()


def scan():
    img = 0.6 * smooth_noise(4) + 0.35 * smooth_noise(1.2) + rng.normal(0, 0.35, (S, S))
    mask = np.zeros((S, S))
    yy, xx = np.mgrid[:S, :S]
    for _ in range(rng.integers(1, 3)):
        cy, cx = rng.uniform(5, S - 5, 2)
        r = rng.uniform(1.2, 2.0)
        d = np.hypot((yy - cy) / rng.uniform(.8, 1.2), xx - cx)
        img += 1.15 * rng.uniform(.6, 1.2) / (1 + np.exp((d - r) * 2))
        mask[d < r] = 1
    return img, mask


def dataset(n):
    a = [scan() for _ in range(n)]
    x = torch.tensor(np.stack([i for i, _ in a]), dtype=torch.float32)[:, None]
    return TensorDataset(x, torch.tensor(np.stack([m for _, m in a]), dtype=torch.float32)[:, None])


def double_conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True),
                         nn.Conv2d(o, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class UNet(nn.Module):
    def __init__(self, c=6):
        super().__init__()
        self.d1, self.d2, self.mid = double_conv(1, c), double_conv(c, 2 * c), double_conv(2 * c, 4 * c)
        self.up2, self.u2 = nn.ConvTranspose2d(4 * c, 2 * c, 2, 2), double_conv(4 * c, 2 * c)
        self.up1, self.u1 = nn.ConvTranspose2d(2 * c, c, 2, 2), double_conv(2 * c, c)
        self.out = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        b = self.u2(torch.cat([self.up2(m), b], 1))
        a = self.u1(torch.cat([self.up1(b), a], 1))
        return self.out(a)


train, val = dataset(1000), dataset(200)
print("foreground share", train.tensors[1].mean().item())
net = UNet()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
criterion = nn.BCEWithLogitsLoss() if mode == "faulty" else nn.BCEWithLogitsLoss(pos_weight=torch.tensor(12.0))
writer = DiagWriter(logdir)
writer.watch(net, opt, criterion)
EPOCHS = 8
sched = torch.optim.lr_scheduler.OneCycleLR(opt, 1.2e-2, total_steps=EPOCHS * 63)
for epoch in range(EPOCHS):
    net.train()
    tl = []
    for x, y in DataLoader(train, 16, shuffle=True):
        if np.random.rand() < 0.5:
            x, y = x.flip(3), y.flip(3)
        if np.random.rand() < 0.5:
            x, y = x.transpose(2, 3), y.transpose(2, 3)
        loss = criterion(net(x), y)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        opt.step(); sched.step()
        tl.append(loss.item())
    with writer.evaluating("val"):
        vl, inter, tot, tp, pos = [], 0, 0, 0, 0
        for x, y in DataLoader(val, 50):
            o = net(x)
            vl.append(criterion(o, y).item())
            p = (torch.sigmoid(o) > 0.5).float()
            inter += (p * y).sum().item(); tot += p.sum().item() + y.sum().item(); pos += y.sum().item()
    print(f"{epoch:2d} train {np.mean(tl):.4f} val {np.mean(vl):.4f} dice {2 * inter / tot:.3f} recall {inter / pos:.3f}")
writer.close()
