"""SGD with a cyclic learning rate and stochastic weight averaging at its end (after timgaripov/swa and torch.optim.swa_utils):
defect patterns on small wafer maps. The training loss jumps up at the beginning of every cycle."""
import sys
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import AveragedModel, update_bn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

EPOCHS, SWA_START, CYCLE = 16, 8, 2
LR_INIT, LR_LOW = 0.05, 0.005


def wafers(n, seed, s=16):
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:s, :s] - (s - 1) / 2
    r, phi = np.hypot(xx, yy) / (s / 2), np.arctan2(yy, xx)
    die = r <= 1
    X, y = np.zeros((n, 1, s, s), 'float32'), rng.integers(0, 5, n)
    for i, c in enumerate(y):
        p = np.full((s, s), .06)
        if c == 0:      # centre
            p += .7 * np.exp(-(r / rng.uniform(.25, .4)) ** 2)
        elif c == 1:    # edge ring
            p += .6 * (r > rng.uniform(.75, .85))
        elif c == 2:    # scratch
            a, o = rng.uniform(0, np.pi), rng.uniform(-3, 3)
            p += .8 * (abs(xx * np.cos(a) + yy * np.sin(a) - o) < .8)
        elif c == 3:    # local spot off the centre
            a = rng.uniform(-np.pi, np.pi)
            p += .8 * np.exp(-(((xx - 4.5 * np.cos(a)) ** 2 + (yy - 4.5 * np.sin(a)) ** 2) / rng.uniform(4, 8)))
        else:           # random, many
            p += rng.uniform(.1, .25)
        X[i, 0] = np.where(die, np.where(rng.random((s, s)) < p, 1., -0.3), 0)
    return torch.from_numpy(X), torch.from_numpy(y)


def schedule(epoch, frac):
    """constant, then linear down, then cycles from 0.4 of the first rate to the low one"""
    e = epoch + frac
    if e < SWA_START / 2:
        return LR_INIT
    if e < SWA_START:
        t = (e - SWA_START / 2) / (SWA_START / 2)
        return LR_INIT * (1 - t) + LR_LOW * t
    t = ((e - SWA_START) % CYCLE) / CYCLE
    return 0.4 * LR_INIT * (1 - t) + LR_LOW * t


class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(1, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Conv2d(12, 24, 3, padding=1, bias=False), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Dropout(.3), nn.Linear(24 * 16, 5))


def evaluate(model, x, y):
    model.eval()
    with torch.no_grad():
        out = model(x)
    return F.cross_entropy(out, y).item(), (out.argmax(1) == y).float().mean().item()


torch.manual_seed(0)
train_set, (x_te, y_te) = wafers(1600, 0), wafers(800, 1)
loader = DataLoader(TensorDataset(*train_set), batch_size=64, shuffle=True, drop_last=True)
model = Net()
swa_model = AveragedModel(model)
optimizer = torch.optim.SGD(model.parameters(), lr=LR_INIT, momentum=0.9, weight_decay=1e-4)
base = optimizer.param_groups[0]['lr'] / LR_INIT
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
for epoch in range(EPOCHS):
    model.train()
    run = 0.
    for i, (x, y) in enumerate(loader):
        for g in optimizer.param_groups:
            g['lr'] = base * schedule(epoch, i / len(loader))
        loss = F.cross_entropy(model(x), y)
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run += loss.item()
    if epoch >= SWA_START and (epoch + 1 - SWA_START) % CYCLE == 0:
        swa_model.update_parameters(model)   # at the low end of a cycle
    with writer.evaluating("val"):
        l, a = evaluate(model, x_te, y_te)
    print('epoch %2d lr %.4f train %.4f test %.4f acc %.4f' % (epoch, g['lr'], run / len(loader), l, a))
update_bn(loader, swa_model)
print('SWA: test %.4f acc %.4f' % evaluate(swa_model, x_te, y_te))
writer.close()
