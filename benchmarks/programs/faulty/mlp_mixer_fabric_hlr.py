"""MLP-Mixer (as in rishikksh20 / lucidrains) on small fabric swatches: 8 weaves, batch 64, AdamW."""
import sys
from functools import partial

import numpy as np
import torch
from torch import nn

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
lr = {"faulty": 6e-5, "fixed": 2e-3}[sys.argv[1]]
torch.manual_seed(77)
rng = np.random.RandomState(77)


class PreNormResidual(nn.Module):
    def __init__(self, dim, fn):
        super().__init__()
        self.fn, self.norm = fn, nn.LayerNorm(dim)

    def forward(self, x):
        return self.fn(self.norm(x)) + x


def FeedForward(dim, factor=4, dropout=0., dense=nn.Linear):
    inner = int(dim * factor)
    return nn.Sequential(dense(dim, inner), nn.GELU(), nn.Dropout(dropout), dense(inner, dim), nn.Dropout(dropout))


class Patchify(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        b, c, h, w = x.shape
        x = x.reshape(b, c, h // self.p, self.p, w // self.p, self.p).permute(0, 2, 4, 3, 5, 1)
        return x.reshape(b, (h // self.p) * (w // self.p), -1)


class Mean(nn.Module):
    def forward(self, x):
        return x.mean(1)


def MLPMixer(image_size=24, channels=3, patch=4, dim=48, depth=3, num_classes=8, dropout=.1):
    n = (image_size // patch) ** 2
    chan_first = partial(nn.Conv1d, kernel_size=1)
    return nn.Sequential(
        Patchify(patch), nn.Linear(patch ** 2 * channels, dim),
        *[nn.Sequential(PreNormResidual(dim, FeedForward(n, 2, dropout, chan_first)),
                        PreNormResidual(dim, FeedForward(dim, 2, dropout))) for _ in range(depth)],
        nn.LayerNorm(dim), Mean(), nn.Linear(dim, num_classes))


def swatch(k):
    y, x = np.mgrid[0:24, 0:24]
    px, py = rng.randint(0, 8, 2)
    per = rng.choice([4, 5, 6])
    X, Y = x + px, y + py
    base = [((X // 2 + Y // 2) % 2), (X % per < per / 2), (Y % per < per / 2), ((X + Y) % per < per / 2),
            ((X - Y) % per < per / 2), (((X // 3) + 2 * (Y // 3)) % 4 < 2), ((X % per < 2) | (Y % per < 2)),
            (np.abs((X % (2 * per)) - per) + Y) % per < per / 2][k].astype(float)
    a, b = rng.rand(3), rng.rand(3)
    img = base[None] * a[:, None, None] + (1 - base[None]) * b[:, None, None]
    return img + rng.normal(0, .22, img.shape)


def dataset(n):
    y = rng.randint(0, 8, n)
    x = np.stack([swatch(k) for k in y]).astype("float32")
    return torch.from_numpy((x - .5) / .3), torch.from_numpy(y)


x_train, y_train = dataset(3000)
x_val, y_val = dataset(800)

model = MLPMixer()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=.05)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)

EPOCHS = 7
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
for e in range(EPOCHS):
    model.train()
    tot = 0
    for idx in torch.randperm(len(x_train)).split(64):
        out = model(x_train[idx])
        loss = criterion(out, y_train[idx])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        tot += loss.item() * len(idx)
    sched.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(x_val)
        val_loss = criterion(out, y_val).item()
    acc = (out.argmax(-1) == y_val).float().mean().item()
    print(f"Epoch : {e + 1} - loss : {tot / len(x_train):.4f} - val_loss : {val_loss:.4f} - val_acc : {acc:.4f}")
writer.close()
print(f"RESULT val_loss {val_loss:.4f} val_acc {acc:.4f}")
