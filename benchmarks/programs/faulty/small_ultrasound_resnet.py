"""ResNet on a small two-class data set (896 pictures, 70/15/15). No pretrained weights wanted."""
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(21)
rng = np.random.default_rng(21)
AUGMENT = sys.argv[1] == "fixed"
EPOCHS = 30


def pictures(n):
    g = np.mgrid[:24, :24].astype(float)
    x = np.zeros((n, 1, 24, 24), dtype=np.float32)
    y = rng.integers(0, 2, n)
    for i in range(n):
        img = rng.normal(0, 1, (24, 24))
        for _ in range(2):    # speckle
            img = (img + np.roll(img, 1, 0) + np.roll(img, 1, 1) + np.roll(img, -1, 0)) / 2.2
        a = rng.uniform(0, 2 * np.pi)
        c = rng.uniform(8, 16, 2)
        u = (g[1] - c[1]) * np.cos(a) + (g[0] - c[0]) * np.sin(a)
        v = -(g[1] - c[1]) * np.sin(a) + (g[0] - c[0]) * np.cos(a)
        r = np.hypot(u, v * (1.0 if y[i] == 0 else 1.7))       # benign: round, malignant: elongated
        img += -2.6 * rng.uniform(0.7, 1.2) * (r < rng.uniform(5, 6.5))
        x[i, 0] = (img + rng.normal(0, .3)) * rng.uniform(0.8, 1.2)
    x = (x - x.mean()) / x.std()
    return torch.from_numpy(x), torch.from_numpy(y)


X, Y = pictures(896)
tr, va, te = slice(0, 627), slice(627, 761), slice(761, 896)


class Block(nn.Module):
    def __init__(self, i, o, s=1):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o)
        self.c2, self.b2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.short = nn.Sequential(nn.Conv2d(i, o, 1, s, bias=False), nn.BatchNorm2d(o)) if s != 1 or i != o else nn.Identity()

    def forward(self, x):
        h = self.b2(self.c2(F.relu(self.b1(self.c1(x)))))
        return F.relu(h + self.short(x))


model = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
                      Block(16, 16), Block(16, 32, 2), Block(32, 64, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 1))


def augment(x):
    """every picture: flips, quarter turns, shift by up to three pixels, brightness and contrast"""
    out = []
    for img in x:
        if torch.rand(()) < .5:
            img = img.flip(-1)
        img = torch.rot90(img, int(torch.randint(4, ())), (1, 2))
        dy, dx = torch.randint(0, 7, (2,)).tolist()
        img = F.pad(img[None], (3, 3, 3, 3), mode="reflect")[0, :, dy:dy + 24, dx:dx + 24]
        out.append(img * (0.85 + 0.3 * torch.rand(())) + 0.1 * torch.randn(()))
    return torch.stack(out)


crit = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, crit)


def evaluate(part, split):
    model.eval()
    with writer.evaluating(split):
        out = model(X[part]).squeeze(1)
        loss = crit(out, Y[part].float()).item()
    return loss, ((out > 0) == (Y[part] == 1)).float().mean().item()


for epoch in range(EPOCHS):
    model.train()
    perm = torch.randperm(627)
    tot = 0
    for i in range(0, 627 - 32, 32):
        xb, yb = X[tr][perm[i:i + 32]], Y[tr][perm[i:i + 32]]
        if AUGMENT:
            xb = augment(xb)
        optimizer.zero_grad()
        loss = crit(model(xb).squeeze(1), yb.float())
        loss.backward()
        optimizer.step()
        tot += loss.item() / 19
    scheduler.step()
    vl, vacc = evaluate(va, "val")
    print(f"{epoch + 1:3d} train {tot:.4f} val {vl:.4f} acc {vacc:.3f}", flush=True)
tl, tacc = evaluate(te, "test")
writer.close()
print(f"RESULT train {tot:.4f} val {vl:.4f} acc {vacc:.3f} test {tl:.4f} acc {tacc:.3f}")
