import sys, random
import numpy as np
import torch, torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
random.seed(0); np.random.seed(0); torch.manual_seed(0)


def draw(label, rs):
    """dents (0) or scratches (1) on brushed sheet metal, 40x40 rgb"""
    img = 0.45 + 0.08 * rs.randn(40, 40) + 0.05 * rs.randn(40, 1)
    yy, xx = np.mgrid[:40, :40]
    cy, cx = rs.uniform(13, 27, 2)
    if label == 0:
        r = rs.uniform(3, 6)
        img += rs.uniform(.15, .35) * np.exp(-((yy - cy) ** 2 + (xx - cx) ** 2) / (2 * r * r))
    else:
        a = rs.uniform(0, np.pi)
        u, v = (xx - cx) * np.cos(a) + (yy - cy) * np.sin(a), -(xx - cx) * np.sin(a) + (yy - cy) * np.cos(a)
        img += rs.uniform(.15, .35) * np.exp(-v ** 2 / (2 * rs.uniform(.9, 1.8) ** 2) - u ** 2 / (2 * rs.uniform(7, 11) ** 2))
    return np.clip(np.stack([img, img * .97, img * .92]), 0, 1).astype("float32")


class Crop:
    def __call__(self, im):
        y, x = random.randint(2, 6), random.randint(2, 6)
        im = im[:, y:y + 32, x:x + 32]
        return im.flip(2) if random.random() < .5 else im


class Jitter:
    def __init__(self, b, c): self.b, self.c = b, c
    def __call__(self, im):
        m = im.mean()
        im = (im - m) * random.uniform(1 - self.c, 1 + self.c) + m
        return (im * random.uniform(1 - self.b, 1 + self.b)).clamp(0, 1)


class ResizedCrop:
    def __call__(self, im):
        s = random.randint(12, 18)
        y, x = random.randint(0, 40 - s), random.randint(0, 40 - s)
        return nn.functional.interpolate(im[None, :, y:y + s, x:x + s], size=32, mode="bilinear", align_corners=False)[0]


class Normalize:
    def __call__(self, im): return (im - 0.47) / 0.12


class Compose:
    def __init__(self, *ts): self.ts = ts
    def __call__(self, im):
        for t in self.ts: im = t(im)
        return im


class Parts(Dataset):
    def __init__(self, n, seed, tf):
        rs = np.random.RandomState(seed)
        self.y = rs.permutation(np.r_[np.zeros(int(n * .58), int), np.ones(n - int(n * .58), int)])
        self.x = [torch.from_numpy(draw(l, rs)) for l in self.y]
        self.tf = tf
    def __len__(self): return len(self.y)
    def __getitem__(self, i): return self.tf(self.x[i]), int(self.y[i])


train_tf = Compose(Crop(), Jitter(.1, .1), Normalize())
if mode == "faulty":
    val_tf = Compose(ResizedCrop(), Jitter(.4, .4), Normalize())
else:
    val_tf = Compose(Crop(), Jitter(.1, .1), Normalize())
trainset, valset = Parts(1800, 1, train_tf), Parts(600, 2, val_tf)
tl = DataLoader(trainset, batch_size=32, shuffle=True)
vl = DataLoader(valset, batch_size=100)


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))


net = nn.Sequential(block(3, 8), block(8, 16), block(16, 32), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(.2), nn.Linear(32, 2))
crit = nn.CrossEntropyLoss()
opt = torch.optim.Adam(net.parameters(), lr=2e-3, weight_decay=1e-4)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 12)
w = DiagWriter(logdir)
w.watch(net, opt, crit)
for ep in range(12):
    net.train(); ok = s = 0
    for x, y in tl:
        opt.zero_grad(); o = net(x); l = crit(o, y); l.backward(); opt.step()
        s += l.item() * len(y); ok += (o.argmax(1) == y).sum().item()
    sched.step()
    vs = vok = 0
    with w.evaluating("val"):
        for x, y in vl:
            o = net(x); vs += crit(o, y).item() * len(y); vok += (o.argmax(1) == y).sum().item()
    print(f"{ep}: train {s/1800:.3f} acc {ok/1800:.3f}  val {vs/600:.3f} acc {vok/600:.3f}")
w.close()
