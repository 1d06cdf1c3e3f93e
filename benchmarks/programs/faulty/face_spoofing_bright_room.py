# face presentation attack detection from colour statistics (histograms of Y Cr Cb and L u v), small net instead of ExtraTrees
import sys
import numpy as np, torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
FORM = sys.argv[1]
rng = np.random.default_rng(2)


def face(attack, gain):
    """a 20x20 face crop, linear light; attacks are prints or screens: less chroma, flatter, blue cast, banding"""
    yy, xx = np.mgrid[-1:1:20j, -1:1:20j]
    skin = np.array([.60, .43, .34]) * rng.uniform(.6, 1.25) * (1 + rng.normal(0, .05, 3))
    shade = 1 - .45 * (xx * rng.uniform(-1, 1)) - .35 * (xx ** 2 + yy ** 2) + .1 * rng.normal()
    im = skin * shade[..., None]
    eyes = np.exp(-((np.abs(xx) - .4) ** 2 + (yy + .2) ** 2) / .03)
    im = im * (1 - .7 * eyes[..., None])
    if attack:
        g = im.mean(-1, keepdims=True)
        im = g + (im - g) * rng.uniform(.7, 1.0)
        im = rng.uniform(.01, .05) + .88 * im + np.array([0, .002, .008]) * rng.uniform(0, 1.5)
    im = im * gain + rng.normal(0, .02, im.shape)
    return np.clip(im, 0, 1)


def features(im):
    r, g, b = im[..., 0], im[..., 1], im[..., 2]
    y = .299 * r + .587 * g + .114 * b
    cr, cb = (r - y) * .713 + .5, (b - y) * .564 + .5
    lum = np.cbrt(y.clip(1e-4))
    s = r + g + b + 1e-3
    h = [np.histogram(c, bins=16, range=q)[0] / c.size for c, q in
         ((y, (0, 1)), (cr, (.4, .8)), (cb, (.3, .6)), (lum, (0, 1)), (r / s, (.2, .7)), (g / s, (.15, .5)))]
    return np.concatenate(h)


def session(n, light):
    lab = rng.integers(0, 2, n)
    return np.stack([features(face(a, light())) for a in lab]).astype(np.float32), lab


office = lambda: rng.uniform(.55, .8)                     # Replay-Attack: two settings, always about the same light
anywhere = lambda: rng.uniform(.45, 1.45)                 # recorded in the rooms where it's going to be used
bright = lambda: rng.uniform(1.05, 1.4)
Xtr, ytr = session(2000, office if FORM == "faulty" else anywhere)
Xva, yva = session(500, office if FORM == "faulty" else anywhere)
Xte, yte = session(500, bright)                           # webcam next to a window
mu, sd = Xtr.mean(0), Xtr.std(0) + .02
tt = lambda X, y: (torch.tensor((X - mu) / sd), torch.tensor(y, dtype=torch.float32))
Xtr, ytr = tt(Xtr, ytr); Xva, yva = tt(Xva, yva); Xte, yte = tt(Xte, yte)

net = nn.Sequential(nn.Linear(96, 64), nn.ReLU(), nn.Dropout(.2), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
lossfn = nn.BCEWithLogitsLoss()
opt = torch.optim.Adam(net.parameters(), lr=float(sys.argv[3]) if len(sys.argv) > 3 else 1e-3, weight_decay=1e-4)
w = DiagWriter(sys.argv[2])
w.watch(net, opt, lossfn)

def check(split, X, y):
    net.eval()
    with w.evaluating(split):
        o = net(X)
        return lossfn(o, y).item(), ((o > 0).float() == y).float().mean().item()

for ep in range(20):
    net.train()
    for idx in torch.randperm(len(Xtr)).split(50):
        opt.zero_grad()
        l = lossfn(net(Xtr[idx]), ytr[idx])
        l.backward()
        opt.step()
    v, t = check("val", Xva, yva), check("test", Xte, yte)
    print(ep, f"{l.item():.3f} val {v[0]:.3f} {v[1]:.3f} test {t[0]:.3f} {t[1]:.3f}")
w.close()
print(f"RESULT val loss {v[0]:.3f} acc {v[1]:.3f} test loss {t[0]:.3f} acc {t[1]:.3f}")
