import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(7)
torch.manual_seed(7)

classes = ["clear", "cirrus", "cumulus", "stratus", "cumulonimbus"]


def sky(c):
    """one 24x24 RGB crop of an all-sky camera"""
    noise = lambda s: (lambda f: (f - f.mean()) / (f.std() + 1e-6))(gaussian_filter(np.random.randn(24, 24), s))
    sun = np.linspace(0, np.random.uniform(-.25, .25), 24)[None]
    blue = np.stack([.25 + .3 * sun, .45 + .3 * sun, .8 + .1 * sun], 0) * np.ones((3, 24, 24)) * np.random.uniform(.75, 1.15)
    t = np.random.uniform(-.5, .5)
    if c == 0:
        a = .06 * np.abs(noise(3))
    elif c == 1:
        a = np.clip(.22 + .2 * noise((.8, 4) if np.random.rand() < .5 else (4, .8)) + .2 * t, 0, .7)
    elif c == 2:
        a = 1 / (1 + np.exp(-4 * (noise(np.random.uniform(1.8, 2.8)) - .3 + t)))
    elif c == 3:
        a = np.clip(.85 + .08 * noise(5) + .15 * t, 0, 1)
    else:
        a = np.clip(.8 + .25 * noise(3) + .2 * t, 0, 1)
    white = {3: np.random.uniform(.55, .85), 4: np.random.uniform(.3, .65)}.get(c, np.random.uniform(.75, 1))
    cloud = white * (1 + .12 * noise(2 if c != 3 else 5))
    img = blue * (1 - a) + a * cloud
    return np.clip(img + .05 * np.random.randn(3, 24, 24), 0, 1)


N = 1700
labels = np.random.choice(5, N, p=[.22, .2, .24, .2, .14])
images = np.stack([sky(c) for c in labels]).astype(np.float32)
observer = labels.copy()                                   # the observer in the field is not always right
slip = np.random.rand(N) < .06
observer[slip] = np.clip(observer[slip] + np.random.choice([-1, 1], slip.sum()), 0, 4)
x, y = torch.tensor(images), torch.tensor(observer)
mean, std = x[:1350].mean((0, 2, 3), keepdim=True), x[:1350].std((0, 2, 3), keepdim=True)
x = (x - mean) / std
x_train, y_train, x_test, y_test = x[:1350], y[:1350], x[1350:], y[1350:]


def block(i, o, pool=True):
    layers = [nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
    return layers + ([nn.MaxPool2d(2)] if pool else [])


net = nn.Sequential(*block(3, 8), *block(8, 16), *block(16, 32, pool=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                    nn.Dropout(0.2), nn.Linear(32, 5))

epochs, batch_size = 7, 32
optimizer = torch.optim.SGD(net.parameters(), lr=0.08, momentum=0.9, weight_decay=5e-4, nesterov=True)
steps = (len(x_train) + batch_size - 1) // batch_size
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.08, epochs=epochs, steps_per_epoch=steps)

writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, F.cross_entropy)

for epoch in range(epochs):
    net.train()
    train_loss = 0.0
    for idx in torch.randperm(len(x_train)).split(batch_size):
        xb = x_train[idx]
        if torch.rand(1) < 0.5:
            xb = xb.flip(3)
        optimizer.zero_grad()
        loss = writer.loss_fn(net(xb), y_train[idx])
        loss.backward()
        optimizer.step()
        scheduler.step()
        train_loss += loss.item() * len(idx)
    net.eval()
    with torch.no_grad(), writer.evaluating("test"):
        logits = torch.cat([net(xb) for xb in x_test.split(250)])
        test_loss = writer.loss_fn(logits, y_test).item()
        acc = (logits.argmax(1) == y_test).float().mean().item()
    print("epoch %2d  train loss %.4f  test loss %.4f  test acc %.3f" % (epoch + 1, train_loss / len(x_train), test_loss, acc))

writer.close()
per_class = [((logits.argmax(1) == y_test) & (y_test == c)).sum().item() / (y_test == c).sum().item() for c in range(5)]
print(dict(zip(classes, np.round(per_class, 2))))
print(f"RESULT train_loss={train_loss / len(x_train):.4f} test_loss={test_loss:.4f} test_acc={acc:.4f}")
