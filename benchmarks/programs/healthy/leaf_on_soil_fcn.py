"""Crop / weed / soil segmentation of small simulated field tiles, plain encoder-decoder without skips and with one."""
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

S = 48


def tile(r):
    yy, xx = np.mgrid[:S, :S]
    img = np.stack([.45 + .05 * r.normal(size=(S, S)), .35 + .05 * r.normal(size=(S, S)), .25 + .05 * r.normal(size=(S, S))])
    img += .08 * np.sin(xx / r.uniform(4, 9) + r.uniform(0, 6))
    m = np.zeros((S, S), int)
    for _ in range(r.integers(1, 4)):
        cx, cy = r.uniform(6, 42, 2); k = r.integers(1, 3); th = np.arctan2(yy - cy, xx - cx); d = np.hypot(yy - cy, xx - cx)
        if k == 1: reg = d < r.uniform(7, 11) * (.7 + .3 * np.cos(4 * th + r.uniform(0, 6)))         # lobed crop
        else: reg = d < r.uniform(4, 8) * (.55 + .45 * np.abs(np.cos(1.5 * th + r.uniform(0, 6))))    # narrow leaves
        col = np.array([.25, .55, .2]) + r.normal(0, .04, 3) if k == 1 else np.array([.3, .55, .3]) + r.normal(0, .04, 3)
        img[:, reg] = col[:, None] + .06 * r.normal(size=(3, reg.sum())); m[reg] = k
    return img.astype("f4"), m


class FCN(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        cb = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.GroupNorm(4, o), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.GroupNorm(4, o), nn.ReLU())
        self.a, self.b, self.c = cb(3, c), cb(c, 2 * c), cb(2 * c, 2 * c)
        self.d = cb(3 * c, c)
        self.out = nn.Conv2d(c, 3, 1)

    def forward(self, x):
        a = self.a(x); b = self.b(F.max_pool2d(a, 2)); c = self.c(F.max_pool2d(b, 2))
        u = F.interpolate(c, scale_factor=4, mode="bilinear", align_corners=False)
        return self.out(self.d(torch.cat([u, a], 1)))


def miou(p, t):
    return np.mean([((p == k) & (t == k)).sum().item() / max(1, ((p == k) | (t == k)).sum().item()) for k in range(3)])


if __name__ == "__main__":
    ap = argparse.ArgumentParser(); ap.add_argument("logdir"); ap.add_argument("--epochs", type=int, default=9); a = ap.parse_args()
    torch.manual_seed(0); torch.set_num_threads(1); r = np.random.default_rng(0)
    I, M = zip(*[tile(r) for _ in range(560)])
    X = (torch.tensor(np.stack(I)) - .4) / .15; Y = torch.tensor(np.stack(M))
    X, Xv, Y, Yv = X[:480], X[480:], Y[:480], Y[480:]
    net = FCN(); opt = torch.optim.Adam(net.parameters(), lr=4e-3); crit = nn.CrossEntropyLoss(weight=torch.tensor([.5, 1.2, 1.3]))
    sched = torch.optim.lr_scheduler.PolynomialLR(opt, total_iters=a.epochs * 60, power=.9)
    w = DiagWriter(a.logdir); w.watch(net, opt, crit)
    for ep in range(a.epochs):
        net.train()
        for b in torch.randperm(480).split(8):
            x, y = X[b], Y[b]
            if torch.rand(1) < .5: x, y = x.flip(-1), y.flip(-1)
            if torch.rand(1) < .5: x, y = x.flip(-2), y.flip(-2)
            loss = crit(net(x), y)
            opt.zero_grad(); loss.backward(); opt.step(); sched.step()
        with w.evaluating("val"):
            o = net(Xv); v = crit(o, Yv).item()
        print(ep, round(loss.item(), 4), round(v, 4), round(miou(o.argmax(1), Yv), 4))
    w.close()
    print("RESULT val_loss", round(v, 4), "miou", round(miou(o.argmax(1), Yv), 4))
