"""Own CNN for a handful of hand-drawn signs of six kinds (drawings simulated)."""
import sys
import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(6)
rng = np.random.default_rng(6)
setting, logdir = sys.argv[1], sys.argv[2]
S = 28
CLASSES = ["ring", "square", "cross", "triangle", "bars", "arrow"]


def draw(kind):
    s = rng.uniform(0.42, 0.62)
    if kind == "ring":
        a = np.linspace(0, 2 * np.pi, 60); pts = np.c_[np.cos(a), np.sin(a)]
    else:
        segs = {"square": [(-.8, -.8, .8, -.8), (.8, -.8, .8, .8), (.8, .8, -.8, .8), (-.8, .8, -.8, -.8)],
                "cross": [(-.9, 0, .9, 0), (0, -.9, 0, .9)],
                "triangle": [(-.9, .7, .9, .7), (.9, .7, 0, -.9), (0, -.9, -.9, .7)],
                "bars": [(-.9, -.45, .9, -.45), (-.9, .45, .9, .45)],
                "arrow": [(-.9, 0, .9, 0), (.9, 0, .3, -.55), (.9, 0, .3, .55)]}[kind]
        pts = np.concatenate([np.linspace(q[:2], q[2:], 25) for q in map(np.array, segs)])
    th = rng.uniform(-math.pi, math.pi)
    R = np.array([[math.cos(th), -math.sin(th)], [math.sin(th), math.cos(th)]])
    pts = pts @ R.T * s + rng.uniform(-0.3, 0.3, 2)
    g = np.linspace(-1, 1, S)
    d = ((g[None, :, None] - pts[:, 0]) ** 2 + (g[:, None, None] - pts[:, 1]) ** 2).min(-1)
    return np.exp(-d / (2 * 0.05 ** 2)) + 0.08 * rng.normal(size=(S, S))


def make(per):
    x = np.stack([draw(k) for k in CLASSES for _ in range(per)])
    return torch.tensor(x, dtype=torch.float32)[:, None], torch.arange(len(CLASSES)).repeat_interleave(per)


x_train, y_train = make(15)
x_test, y_test = make(60)


def augment(x):
    n = len(x)
    th = (torch.rand(n) * 2 - 1) * math.pi
    z = 1 + 0.15 * (torch.rand(n) * 2 - 1)
    t = 0.3 * (torch.rand(n, 2) * 2 - 1)
    flip = torch.where(torch.rand(n) < .5, -1., 1.)
    m = torch.stack([torch.stack([th.cos() * z * flip, -th.sin() * z, t[:, 0]], 1), torch.stack([th.sin() * z * flip, th.cos() * z, t[:, 1]], 1)], 1)
    return F.grid_sample(x, F.affine_grid(m, x.shape, align_corners=False), align_corners=False)


model = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                      nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(288, 128), nn.ReLU(), nn.Linear(128, 6))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
EPOCHS = 250
for epoch in range(EPOCHS):
    for b in torch.randperm(len(x_train)).split(15):
        x = x_train[b]
        if setting == "fixed":
            x = augment(x)
        optimizer.zero_grad()
        loss = criterion(model(x), y_train[b])
        loss.backward()
        optimizer.step()
    if epoch % 5 == 4:
        with writer.evaluating("val"):
            out = model(x_test)
            vl = criterion(out, y_test)
            acc = (out.argmax(1) == y_test).float().mean().item()
            tr = (model(x_train).argmax(1) == y_train).float().mean().item()
        if epoch % 25 == 24:
            print(epoch + 1, "train acc", round(tr, 3), "test acc", round(acc, 3), "test loss", round(vl.item(), 3))
writer.close()
print("RESULT train_accuracy", round(tr, 4), "test_accuracy", round(acc, 4))
