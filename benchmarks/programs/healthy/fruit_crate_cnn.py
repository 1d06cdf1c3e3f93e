#!/usr/bin/env python
# Fruit on a conveyor (5 sorts), small VGG-like CNN with flips and colour jitter.
import sys, time
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(31)
rng = np.random.RandomState(31)
CLASSES = ["apple", "orange", "lemon", "peach", "kiwi"]
COLOUR = np.array([[.72, .20, .16], [.88, .50, .13], [.88, .80, .20], [.86, .52, .34], [.48, .42, .20]])
ELONG = [1.0, 1.0, 1.35, 1.05, 1.2]
ROUGH = [.02, .06, .045, .02, .07]


def picture(k, s=28):
    yy, xx = np.mgrid[:s, :s] / s - .5
    light = rng.uniform(.65, 1.25)
    img = np.ones((s, s, 3)) * rng.uniform(.2, .7, 3)
    img += (.08 * np.sin(rng.uniform(10, 40) * xx + rng.uniform(0, 6)))[..., None]
    a = rng.uniform(0, np.pi)
    cx, cy, r = rng.uniform(-.12, .12), rng.uniform(-.12, .12), rng.uniform(.22, .38)
    u, v = (xx - cx) * np.cos(a) + (yy - cy) * np.sin(a), -(xx - cx) * np.sin(a) + (yy - cy) * np.cos(a)
    d = np.sqrt((u / ELONG[k]) ** 2 + v ** 2) / r
    body = COLOUR[k] + rng.normal(0, .075, 3)
    shade = np.clip(1.1 - .45 * d + .3 * (-xx - yy), .2, 1.5)[..., None]
    tex = ROUGH[k] * rng.randn(s, s, 1)
    img = np.where((d < 1)[..., None], body * shade + tex, img)
    return np.clip(img * light + .03 * rng.randn(s, s, 3), 0, 1).transpose(2, 0, 1).astype("float32")


y = rng.randint(0, 5, 2400)
X = torch.from_numpy(np.stack([picture(k) for k in y]))
y = torch.from_numpy(y).long()
mean, std = X[:1900].mean((0, 2, 3), keepdim=True), X[:1900].std((0, 2, 3), keepdim=True)
X = (X - mean) / std
x_train, y_train, x_val, y_val = X[:1900], y[:1900], X[1900:], y[1900:]

model = nn.Sequential(
    nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(24, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
    nn.Flatten(), nn.Dropout(0.1), nn.Linear(32, 5))


def augment(x):
    flip = torch.rand(len(x)) < .5
    x = torch.where(flip[:, None, None, None], x.flip(3), x)
    return x * (1 + .1 * torch.randn(len(x), 1, 1, 1)) + .05 * torch.randn(len(x), 1, 1, 1)


criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4, nesterov=True)
num_epochs, bs = 18, 50
scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, num_epochs)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
since = time.time()
for epoch in range(num_epochs):
    for phase in ("train", "val"):
        if phase == "train":
            model.train()
            running_loss = running_corrects = 0
            for b in torch.randperm(len(x_train)).split(bs):
                optimizer.zero_grad()
                outputs = model(augment(x_train[b]))
                loss = criterion(outputs, y_train[b])
                loss.backward()
                optimizer.step()
                running_loss += loss.item() * len(b)
                running_corrects += (outputs.argmax(1) == y_train[b]).sum().item()
            scheduler.step()
            tl, ta = running_loss / len(x_train), running_corrects / len(x_train)
        else:
            model.eval()
            with torch.no_grad(), writer.evaluating("val"):
                outputs = model(x_val)
                vl = criterion(outputs, y_val).item()
                va = (outputs.argmax(1) == y_val).float().mean().item()
    print(f"Epoch {epoch}/{num_epochs - 1} train Loss: {tl:.4f} Acc: {ta:.4f}  val Loss: {vl:.4f} Acc: {va:.4f}")
print(f"Training complete in {time.time() - since:.0f}s")
writer.close()
print(f"RESULT train {tl:.4f} acc {ta:.4f} val {vl:.4f} acc {va:.4f}")
