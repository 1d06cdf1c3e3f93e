# drone localisation in synthetic pictures, darknet style txt labels "0 cx cy w h" from several scenes
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.manual_seed(21); torch.set_num_threads(1)
rnd = np.random.default_rng(21)
SCENES = ['mountain', 'city_day', 'citypark_street', 'desert', 'citypark_trees']
old_release = sys.argv[1] == 'faulty'

def picture(scene, S=40):
    cx, cy, w = rnd.uniform(.15, .85), rnd.uniform(.12, .8), rnd.uniform(.12, .3)
    h = w * rnd.uniform(.4, .8)
    y, x = np.mgrid[0:S, 0:S] / S
    sky = .8 - .35 * y + [0, .05, -.1, .1, -.05][scene] + rnd.normal(0, .04, (S, S))
    skyline = .75 + .08 * np.sin(x * rnd.uniform(4, 20) + rnd.uniform(0, 6))
    sky = np.where(y > skyline, .35 + rnd.normal(0, .06, (S, S)), sky)
    body = (np.abs(x - cx) < w / 2) & (np.abs(y - cy) < h / 5) | (np.abs(np.abs(x - cx) - w * .4) < w * .12) & (np.abs(y - cy) < h / 2)
    return np.where(body, .1 + rnd.normal(0, .04, (S, S)), sky), f'0 {cx:.6f} {cy:.6f} {w:.6f} {h:.6f}', f'0 {cy:.6f} {cx:.6f} {h:.6f} {w:.6f}'

def parse(txt): return [float(v) for v in txt.split()[1:]]

def dataset(n, release):
    xs, ys = [], []
    for _ in range(n):
        s = int(rnd.choice(5, p=[.25, .25, .2, .17, .13]))
        img, right, transposed = picture(s)
        # the annotation tool of the two citypark scenes wrote rows first
        txt = transposed if release == 'old' and SCENES[s].startswith('citypark') else right
        xs.append(img); ys.append(parse(txt))
    return torch.tensor(np.stack(xs)[:, None], dtype=torch.float32).sub(.6).div(.25), torch.tensor(ys)

Xtr, Ytr = dataset(2400, 'old' if old_release else 'new')
Xte, Yte = dataset(400, 'new')

net = nn.Sequential()
c = 1
for i, o in enumerate((16, 24, 32)):
    net.append(nn.Conv2d(c, o, 3, stride=2, padding=1)); net.append(nn.BatchNorm2d(o)); net.append(nn.LeakyReLU(.1)); c = o
net.append(nn.Flatten()); net.append(nn.Linear(32 * 25, 96)); net.append(nn.LeakyReLU(.1)); net.append(nn.Linear(96, 4)); net.append(nn.Sigmoid())
opt = torch.optim.Adam(net.parameters(), 1e-3, weight_decay=1e-5)
EP = 14
sch = torch.optim.lr_scheduler.OneCycleLR(opt, 4e-3, total_steps=EP * 75)
crit = nn.SmoothL1Loss(beta=.1)
wr = DiagWriter(sys.argv[2]); wr.watch(net, opt, crit)

def iou(p, t):
    lo = torch.maximum(p[:, :2] - p[:, 2:] / 2, t[:, :2] - t[:, 2:] / 2); hi = torch.minimum(p[:, :2] + p[:, 2:] / 2, t[:, :2] + t[:, 2:] / 2)
    i = (hi - lo).clamp(min=0).prod(1)
    return i / (p[:, 2:].prod(1) + t[:, 2:].prod(1) - i)

for e in range(EP):
    net.train(); acc = 0.
    for b in torch.randperm(len(Xtr)).split(32):
        flip = torch.rand(()) < .5
        x, t = Xtr[b], Ytr[b].clone()
        if flip:
            x = x.flip(3); t[:, 0] = 1 - t[:, 0]
        loss = crit(net(x), t)
        opt.zero_grad(); loss.backward(); opt.step(); sch.step()
        acc += loss.item() / 75
    net.eval()
    with wr.evaluating('test'):
        p = net(Xte); tl = crit(p, Yte).item()
    q = iou(p, Yte)
    print(e, f'train {acc:.5f} test {tl:.5f} iou {q.mean():.3f} recall@.5 {(q > .5).float().mean():.3f}')
wr.close()
print(f'RESULT train {acc:.5f} test {tl:.5f} mean iou {q.mean():.3f}')
