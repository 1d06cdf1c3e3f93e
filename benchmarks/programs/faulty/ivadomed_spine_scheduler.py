# Spinal cord grey matter segmentation: U-Net, dice loss, exponential learning rate
import sys, time
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, log_directory = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(0)
context = {"batch_size": 8, "num_epochs": 9, "initial_lr": 0.006, "lr_decay": 0.85, "dropout_rate": 0.2}


def slices(n, seed, S=32):
    """axial T2*-like slice: CSF ring, white matter ellipse, butterfly shaped grey matter"""
    r = np.random.default_rng(seed)
    yy, xx = np.mgrid[0:S, 0:S].astype(float)
    X, Y = np.zeros((n, 1, S, S), np.float32), np.zeros((n, 1, S, S), np.float32)
    for i in range(n):
        cx, cy, a, b, th = S / 2 + r.normal(0, 2.5), S / 2 + r.normal(0, 2.5), r.uniform(8, 12), r.uniform(6, 9), r.normal(0, .25)
        u = ((xx - cx) * np.cos(th) + (yy - cy) * np.sin(th)) / a
        v = (-(xx - cx) * np.sin(th) + (yy - cy) * np.cos(th)) / b
        cord = u ** 2 + v ** 2 < 1
        horn = (np.abs(np.abs(u) - .30 - .12 * np.abs(v)) < .11 + .05 * (v > 0)) & (np.abs(v) < .62)
        bar = (np.abs(v) < .10) & (np.abs(u) < .35)
        gm = (horn | bar) & cord
        img = np.full((S, S), .55) + .1 * np.sin(xx / 9 + r.uniform(0, 6))
        img[(u ** 2 + v ** 2 < 1.45) & ~cord] = .95
        img[cord] = .35
        img[gm] = .35 + r.uniform(.10, .22)
        img += r.normal(0, .07, (S, S))
        X[i, 0], Y[i, 0] = (img - img.mean()) / img.std(), gm
    return torch.tensor(X), torch.tensor(Y)


class DownConv(nn.Module):
    def __init__(self, i, o, p):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.Dropout2d(p),
                                 nn.Conv2d(o, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())

    def forward(self, x):
        return self.net(x)


class Unet(nn.Module):
    def __init__(self, p, f=8):
        super().__init__()
        self.c1, self.c2, self.c3 = DownConv(1, f, p), DownConv(f, 2 * f, p), DownConv(2 * f, 2 * f, p)
        self.u2, self.u1 = DownConv(4 * f, f, p), DownConv(2 * f, f, p)
        self.last = nn.Conv2d(f, 1, 1)

    def forward(self, x):
        a = self.c1(x)
        b = self.c2(F.max_pool2d(a, 2))
        c = self.c3(F.max_pool2d(b, 2))
        d = self.u2(torch.cat([F.interpolate(c, scale_factor=2), b], 1))
        e = self.u1(torch.cat([F.interpolate(d, scale_factor=2), a], 1))
        return torch.sigmoid(self.last(e))


class DiceLoss(nn.Module):
    def __init__(self, smooth=1.0):
        super().__init__()
        self.smooth = smooth

    def forward(self, input, target):
        i, t = input.reshape(-1), target.reshape(-1)
        return -(2.0 * (i * t).sum() + self.smooth) / (i.sum() + t.sum() + self.smooth)


train_loader = DataLoader(TensorDataset(*slices(320, 0)), batch_size=context["batch_size"], shuffle=True)
val_x, val_y = slices(80, 1)
dice_loss = DiceLoss()
model = Unet(context["dropout_rate"])
optimizer = optim.Adam(model.parameters(), lr=context["initial_lr"])
scheduler = optim.lr_scheduler.ExponentialLR(optimizer, context["lr_decay"])
writer = DiagWriter(log_directory)
writer.watch(model, optimizer, dice_loss)

for epoch in range(1, context["num_epochs"] + 1):
    start_time = time.time()
    print("epoch %d, learning rate %.2e" % (epoch, optimizer.param_groups[0]["lr"]))
    model.train()
    train_loss_total, num_steps = 0.0, 0
    for x, y in train_loader:
        preds = model(x)
        loss = dice_loss(preds, y)
        train_loss_total += loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if form == "faulty":
            scheduler.step()
        num_steps += 1
    if form == "fixed":
        scheduler.step()
    model.eval()
    with torch.no_grad():
        p = model(val_x)
        vl = dice_loss(p, val_y).item()
        h = (p > .5).float()
        hard = -(2 * (h * val_y).sum() / (h.sum() + val_y.sum() + 1)).item()
    print("Epoch {} training loss: {:.4f}. validation loss: {:.4f}, hard dice {:.4f}. Took {:.1f}s".format(
        epoch, train_loss_total / num_steps, vl, -hard, time.time() - start_time))
writer.close()
