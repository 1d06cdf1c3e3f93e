"""GOTURN-like tracker: regress the box in the current crop from (previous crop, current crop). After pygoturn's train.py:
a batch is put together from several frames' samples, the learning rate is decayed every lr_decay_step iterations."""
import sys
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
args = argparse.Namespace(batch_size=40, k_aug=8, lr=0.04, momentum=0.9, gamma=0.1, lr_decay_step=400, num_batches=1000, seed=800)
np.random.seed(args.seed)
torch.manual_seed(args.seed)
FORM, LOGDIR = sys.argv[1:3]
S = 24


def draw(cx, cy, w, h, bright, bg, rng):
    yy, xx = np.mgrid[0:S, 0:S]
    m = ((abs(xx - cx) < w / 2) & (abs(yy - cy) < h / 2)).astype(np.float32)
    return bg + bright * m + 0.15 * rng.randn(S, S)


def get_sample(rng):
    """one frame pair with k_aug motions of the same object"""
    w, h = rng.uniform(5, 11, 2)
    bright, bg = rng.choice([-1, 1]) * rng.uniform(.5, 1), rng.uniform(-.5, .5)
    prev, curr, box = [], [], []
    for _ in range(args.k_aug):
        dx, dy = rng.laplace(0, 2, 2).clip(-6, 6)
        sw, sh = w * rng.uniform(.8, 1.2), h * rng.uniform(.8, 1.2)
        prev.append(draw(12, 12, w, h, bright, bg, rng))
        curr.append(draw(12 + dx, 12 + dy, sw, sh, bright, bg, rng))
        box.append([dx - sw / 2, dy - sh / 2, dx + sw / 2, dy + sh / 2])
    return np.stack([prev, curr], 1), np.array(box) / 6


class GoNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.convnet = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                                     nn.Conv2d(12, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.classifier = nn.Sequential(nn.Linear(2 * 16 * 36, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))

    def forward(self, x):
        a, b = self.convnet(x[:, :1]), self.convnet(x[:, 1:])
        return self.classifier(torch.cat((a, b), 1).flatten(1))


def exp_lr_scheduler(optimizer, step, lr_decay_step):
    if step > 0 and step % lr_decay_step == 0:
        for g in optimizer.param_groups:
            g["lr"] *= args.gamma


model = GoNet()
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=args.momentum, weight_decay=0.0005)
loss_fn = nn.L1Loss()
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, loss_fn)

rng = np.random.RandomState(1)
vrng = np.random.RandomState(2)
val = [get_sample(vrng) for _ in range(60)]
xv = torch.tensor(np.concatenate([v[0] for v in val]), dtype=torch.float32)
yv = torch.tensor(np.concatenate([v[1] for v in val]), dtype=torch.float32)

itr, xs, ys = 0, [], []
while itr < args.num_batches:
    x, y = get_sample(rng)
    xs.append(x); ys.append(y)
    done = sum(map(len, xs)) >= args.batch_size
    if FORM == "faulty":
        exp_lr_scheduler(optimizer, itr, args.lr_decay_step)
    if done:
        if FORM == "fixed":
            exp_lr_scheduler(optimizer, itr, args.lr_decay_step)
        xb = torch.tensor(np.concatenate(xs), dtype=torch.float32)
        yb = torch.tensor(np.concatenate(ys), dtype=torch.float32)
        xs, ys = [], []
        optimizer.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        optimizer.step()
        itr += 1
        if itr % 100 == 0:
            model.eval()
            with writer.evaluating("val"), torch.no_grad():
                vl = loss_fn(model(xv), yv).item()
            model.train()
            print("[training] step = %d/%d, loss = %f  [val] %f" % (itr, args.num_batches, loss.item(), vl))
writer.close()
print(f"RESULT val l1 {vl:.4f} (constant box: {(yv - yv.median(0).values).abs().mean():.4f})")
