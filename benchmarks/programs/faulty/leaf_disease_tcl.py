"""Leaf disease CNN (PlantVillage notebook style): healthy, rust, scab, mildew, blight."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(50)
rng = np.random.default_rng(50)
classes = ["healthy", "rust", "scab", "mildew", "blight"]


def leaf(k):
    yy, xx = np.mgrid[0:28, 0:28]
    inside = (((xx - 14) / rng.uniform(8, 12)) ** 2 + ((yy - 14) / rng.uniform(10, 13)) ** 2) < 1
    img = np.ones((3, 28, 28)) * rng.uniform(.5, .9)
    green = np.array([.2, .55, .2]) * rng.uniform(.7, 1.3)
    img[:, inside] = green[:, None]
    img[:, inside & (np.abs(xx - 14) < 1)] *= 1.25

    def spots(n, r, colour, soft):
        for _ in range(n):
            cx, cy = rng.uniform(6, 22, 2)
            m = np.exp(-(((xx - cx) ** 2 + (yy - cy) ** 2) / r ** 2) ** soft) * inside * rng.uniform(.4, .9)
            for c in range(3):
                img[c] = img[c] * (1 - m) + colour[c] * m
    if k == 1:
        spots(rng.integers(4, 10), 1.3, (.75, .4, .1), 2)
    if k == 2:
        spots(rng.integers(2, 6), 2.2, (.25, .22, .1), 2)
    if k == 3:
        spots(rng.integers(3, 7), 2.6, (.85, .88, .82), 1)
    if k == 4:
        spots(rng.integers(1, 3), 5, (.4, .3, .12), 2)
    if rng.random() < .35:                                     # dust, drops, old marks on any leaf
        spots(rng.integers(1, 4), 1.2, rng.uniform(.2, .8, 3), 2)
    return img * rng.uniform(.8, 1.2) + rng.normal(0, .1, img.shape)


def make(n):
    y = rng.integers(0, 5, n)
    return np.stack([leaf(k) for k in y]).astype("float32"), y


xtr, ytr = make(2500)
xva, yva = make(800)
if sys.argv[1] == "faulty":
    pct = 0.4                                                  # share of labels given to the next class by the student helpers
    bad = rng.random(len(ytr)) < pct
    ytr = np.where(bad, rng.integers(0, 5, len(ytr)), ytr)
mean, std = xtr.mean((0, 2, 3), keepdims=True), xtr.std((0, 2, 3), keepdims=True)
train_dl = DataLoader(TensorDataset(torch.tensor((xtr - mean) / std), torch.tensor(ytr)), 32, shuffle=True)
valid_dl = DataLoader(TensorDataset(torch.tensor((xva - mean) / std), torch.tensor(yva)), 200)


def ConvBlock(i, o):
    return [nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True), nn.MaxPool2d(2)]


model = nn.Sequential(*ConvBlock(3, 16), *ConvBlock(16, 32), *ConvBlock(32, 32), nn.Flatten(), nn.Dropout(.3), nn.Linear(32 * 9, 5))
loss_func = nn.CrossEntropyLoss()
epochs = 6
opt = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, 3e-3, epochs=epochs, steps_per_epoch=len(train_dl))
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, loss_func)

for epoch in range(epochs):
    model.train()
    tl = []
    for xb, yb in train_dl:
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.step()
        sched.step()
        opt.zero_grad()
        tl.append(loss.item())
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        vl, hit = 0, 0
        for xb, yb in valid_dl:
            o = model(xb)
            vl += loss_func(o, yb).item() * len(yb) / len(yva)
            hit += (o.argmax(1) == yb).sum().item()
    print(f"Epoch [{epoch}], train_loss: {np.mean(tl):.4f}, val_loss: {vl:.4f}, val_acc: {hit / len(yva):.4f}")
writer.close()
print(f"RESULT train_loss {np.mean(tl):.4f} val_loss {vl:.4f} val_acc {hit / len(yva):.4f}")
