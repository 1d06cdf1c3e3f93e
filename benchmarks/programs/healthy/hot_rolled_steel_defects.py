"""Surface defects of hot-rolled strip (six classes as in NEU-DET), 24x24 grey patches.
Plain CNN trained with flips, SGD + momentum and two drops of the rate."""
import sys
import numpy as np
import torch
import torch.nn as nn
from scipy.ndimage import gaussian_filter
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
rng = np.random.default_rng(0)
torch.manual_seed(0)
CLASSES = ["crazing", "inclusion", "patches", "pitted", "rolled-in scale", "scratches"]
S = 24


def patch(c):
    img = rng.normal(0, 1, (S, S))
    img = gaussian_filter(img, (1, .4)) * 1.3 + rng.normal(0, .45, (S, S))          # rolling texture runs along x
    a = rng.uniform(.4, 1.3)                                                         # contrast of the defect, often faint
    yy, xx = np.mgrid[:S, :S]
    if c == 0:                                                                       # fine net of cracks
        n = gaussian_filter(rng.normal(0, 1, (S, S)), 1.3)
        img -= a * 1.6 * (np.abs(n) < .08)
    elif c == 1:                                                                     # dark stringers along the strip
        for _ in range(rng.integers(1, 4)):
            x0, y0, L = rng.uniform(3, S - 3), rng.uniform(0, S), rng.uniform(5, 14)
            img -= a * 2 * np.exp(-((xx - x0) / 1.2) ** 2 - ((yy - y0) / L) ** 4)
    elif c == 2:
        n = gaussian_filter(rng.normal(0, 1, (S, S)), 3.5)
        img += a * 1.6 * (n > np.quantile(n, rng.uniform(.5, .8)))
    elif c == 3:
        for _ in range(rng.integers(8, 25)):
            x0, y0 = rng.uniform(0, S, 2)
            img -= a * 1.8 * np.exp(-((xx - x0) ** 2 + (yy - y0) ** 2) / 1.0)
    elif c == 4:
        for _ in range(rng.integers(3, 8)):
            x0, y0, r = rng.uniform(0, S), rng.uniform(0, S), rng.uniform(1.2, 3.)
            img -= a * 1.5 * np.exp(-((xx - x0) ** 2 + ((yy - y0) / 1.4) ** 2) / r ** 2)
    else:
        for _ in range(rng.integers(1, 3)):
            th, d = rng.normal(0, .35), rng.uniform(5, S - 5)
            img += a * 2 * (np.abs((xx - d) * np.cos(th) + (yy - S / 2) * np.sin(th)) < .8)
    return img


y = rng.integers(0, 6, 3000)
x = np.stack([patch(c) for c in y]).astype("float32")
X = torch.tensor(x)[:, None]
X = X / 2
Y = torch.tensor(y)
ntrain = 2400


def conv(i, o):
    return [nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True), nn.MaxPool2d(2)]


model = nn.Sequential(*conv(1, 12), *conv(12, 24), *conv(24, 48), nn.Flatten(), nn.Dropout(.3), nn.Linear(48 * 9, 6))
loss_function = nn.CrossEntropyLoss()
opt = torch.optim.SGD(model.parameters(), lr=.02, momentum=.9, weight_decay=1e-3)
num_epochs = 14
sched = torch.optim.lr_scheduler.MultiStepLR(opt, [int(num_epochs * .6), int(num_epochs * .85)], .2)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, loss_function)

for epoch in range(num_epochs):
    model.train()
    running, correct = 0., 0
    for b in torch.randperm(ntrain).split(48):
        xb, yb = X[b], Y[b]
        if torch.rand(()) < .5:
            xb = xb.flip(-1)
        if torch.rand(()) < .5:
            xb = xb.flip(-2)
        out = model(xb)
        loss = loss_function(out, yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        running += loss.item() * len(b)
        correct += (out.argmax(1) == yb).sum().item()
    sched.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(X[ntrain:])
        vloss = loss_function(out, Y[ntrain:]).item()
        vacc = (out.argmax(1) == Y[ntrain:]).float().mean().item()
    print(f"Epoch {epoch + 1}/{num_epochs}  loss {running / ntrain:.3f} acc {correct / ntrain:.3f}  val_loss {vloss:.3f} val_acc {vacc:.3f}")
for k, name in enumerate(CLASSES):
    sel = Y[ntrain:] == k
    print(f"  {name:16s} recall {(out.argmax(1)[sel] == k).float().mean():.2f}")
writer.close()
print(f"RESULT train {running / ntrain:.4f} val {vloss:.4f} acc {vacc:.4f}")
