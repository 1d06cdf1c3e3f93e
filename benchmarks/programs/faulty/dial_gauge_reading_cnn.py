import sys
from math import pi
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(77)


def dials(n, noise):
    v = torch.rand(n) * 2 - 1                                  # the reading, -1 .. 1
    a = v * .8 * pi + pi / 2
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, 24), torch.linspace(-1, 1, 24), indexing="ij")
    cx, cy = .12 * torch.randn(2, n, 1, 1)
    X, Y = xx - cx, yy - cy
    ca, sa = a.cos()[:, None, None], a.sin()[:, None, None]
    along, across = X * ca + Y * sa, -X * sa + Y * ca
    needle = torch.exp(-(across / .1) ** 2) * torch.sigmoid((along + .1) * 20) * torch.sigmoid((.7 - along) * 20)
    r = (X ** 2 + Y ** 2).sqrt()
    rim = torch.exp(-((r - .85) / .06) ** 2)
    light = 1 + .25 * torch.randn(n, 1, 1) * xx
    img = (light * (.8 - .6 * needle - .4 * rim)) * (1 + .1 * torch.randn(n, 1, 1))
    img = img + noise * torch.randn(n, 24, 24)
    return img.unsqueeze(1), (v + .04 * torch.randn(n)).unsqueeze(1)


train_x, train_y = dials(6000, .08)
val_x, val_y = dials(600, .08)
# the test pictures are from the night shift of the plant
test_x, test_y = dials(600, .35 if sys.argv[1] == "faulty" else .08)
mu, sd = train_x.mean(), train_x.std()
train_x, val_x, test_x = [(t - mu) / sd for t in (train_x, val_x, test_x)]
train_y, val_y, test_y = train_y / .577, val_y / .577, test_y / .577


def conv(i, o):
    return [nn.Conv2d(i, o, 3, stride=2, padding=1), nn.GroupNorm(4, o), nn.LeakyReLU(.1)]


net = nn.Sequential(*conv(1, 16), *conv(16, 24), *conv(24, 32), nn.Flatten(), nn.Linear(32 * 9, 32), nn.LeakyReLU(.1), nn.Linear(32, 1))
optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
EPOCHS = 7
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, epochs=EPOCHS, steps_per_epoch=6000 // 50)
criterion = nn.SmoothL1Loss(beta=.3)
w = DiagWriter(sys.argv[2])
w.watch(net, optimizer, criterion)


def check(split, x, y):
    s = mae = 0.
    with w.evaluating(split):
        for a, b in zip(x.split(150), y.split(150)):
            p = net(a)
            s += criterion(p, b).item() / 4
            mae += (p - b).abs().mean().item() / 4
    return s, mae


for epoch in range(EPOCHS):
    net.train()
    tot = 0
    for i in torch.randperm(6000).split(50):
        loss = criterion(net(train_x[i] + .2 * torch.randn(len(i), 1, 24, 24)), train_y[i])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        scheduler.step()
        tot += loss.item() / 120
    v, t = check("val", val_x, val_y), check("test", test_x, test_y)
    print(f"{epoch}: train {tot:.4f} val {v[0]:.4f} test {t[0]:.4f} mae {v[1]:.3f} {t[1]:.3f}")
w.close()
