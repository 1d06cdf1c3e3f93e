"""
Land use tiles (EuroSAT-like, 4 bands, 16x16, 7 classes): xresnet-ish + SGD, learning rate read off lr_find's plot.
faulty: took the rate where the curve is lowest; fixed: a tenth of it, where it is still falling steeply.
"""
import sys
from functools import partial
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(9); np.random.seed(9)

CLS = ["crop", "forest", "herb", "highway", "industrial", "residential", "river"]
SPEC = np.array([[.10, .13, .14, .38], [.04, .06, .04, .35], [.07, .11, .09, .33], [.12, .13, .14, .20], [.20, .21, .22, .26], [.13, .14, .15, .25], [.06, .08, .05, .06]])


def tile(k):
    n = 16; g = np.mgrid[:n, :n] / n
    smooth = lambda s: F.interpolate(torch.randn(1, 1, s, s), (n, n), mode="bicubic").numpy()[0, 0]
    base = np.repeat(SPEC[np.random.choice([0, 2, 1], p=[.5, .4, .1])][:, None, None], n, 1).repeat(n, 2)
    if k in (0, 2): base = SPEC[k][:, None, None] * (1 + (.22 * np.sign(np.sin(2 * np.pi * (g[0] * np.random.uniform(1, 3) + g[1] * np.random.uniform(-2, 2)))) if k == 0 else .15 * smooth(5)))
    if k == 1: base = SPEC[1][:, None, None] * (1 + .18 * smooth(8))
    if k in (3, 6):
        a = np.random.uniform(0, np.pi); d = (g[0] - .5) * np.cos(a) + (g[1] - .5) * np.sin(a) + (.09 * np.sin(5 * g[0] + 6 * np.random.rand()) if k == 6 else 0) + np.random.uniform(-.2, .2)
        m = np.abs(d) < np.random.uniform(.05, .13); base = np.where(m, SPEC[k][:, None, None], base)
    if k in (4, 5):
        s = 4 if k == 4 else 7; m = smooth(s) > np.random.uniform(-.3, .3); base = np.where(m, SPEC[k][:, None, None] * (1 + .12 * smooth(9)), SPEC[2][:, None, None])
    return base * np.random.normal(1, .12, (4, 1, 1)) + .015 * np.random.randn(4, n, n)


def make(n):
    y = np.random.randint(0, 7, n); x = np.stack([tile(k) for k in y])
    flip = np.random.rand(n) < .04; y[flip] = np.random.randint(0, 7, flip.sum())
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


(xt, yt), (xv, yv) = make(2600), make(600)
m, s = xt.mean((0, 2, 3), keepdim=True), xt.std((0, 2, 3), keepdim=True); xt, xv = (xt - m) / s, (xv - m) / s


def conv(i, o, st=1, act=True):
    l = [nn.Conv2d(i, o, 3, st, 1)]
    return nn.Sequential(*l, nn.ReLU()) if act else nn.Sequential(*l)


class ResBlock(nn.Module):
    def __init__(self, i, o):
        super().__init__(); self.a, self.b, self.sc = conv(i, o, 2), conv(o, o, act=False), nn.Conv2d(i, o, 1)
    def forward(self, x): return F.relu(self.b(self.a(x)) + self.sc(F.avg_pool2d(x, 2)))


model = nn.Sequential(conv(4, 12), ResBlock(12, 20), ResBlock(20, 32), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 7))
lr_min = 0.5
lr = lr_min if sys.argv[1] == "faulty" else lr_min / 10
opt_func = partial(torch.optim.SGD, momentum=.9, weight_decay=5e-4)
opt = opt_func(model.parameters(), lr=lr)
loss_func = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2]); writer.watch(model, opt, loss_func)
epochs, bs = 9, 48; nb = len(xt) // bs
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs * nb)


def fit():
    for e in range(epochs):
        model.train(); p = torch.randperm(len(xt)); tl = 0
        for i in range(nb):
            b = p[i * bs:(i + 1) * bs]; xb = xt[b]
            if np.random.rand() < .5: xb = xb.flip(-1)
            if np.random.rand() < .5: xb = xb.transpose(2, 3)
            loss = loss_func(model(xb), yt[b]); loss.backward(); opt.step(); opt.zero_grad(); sched.step(); tl += loss.item() / nb
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            o = torch.cat([model(c) for c in xv.split(200)]); vl = loss_func(o, yv).item(); acc = (o.argmax(1) == yv).float().mean().item()
        print(f"{e:5d} {tl:9.4f} {vl:9.4f} {acc:9.4f}")
    return tl, vl, acc


tl, vl, acc = fit(); writer.close()
print(f"RESULT train={tl:.4f} val={vl:.4f} acc={acc:.4f}")
