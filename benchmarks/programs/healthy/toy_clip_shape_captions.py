"""CLIP in small: pictures of coloured shapes and their captions, symmetric InfoNCE with a learned temperature."""
import itertools
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(9)
rng = np.random.default_rng(9)

COLOURS = {"red": (1, .1, .1), "green": (.1, .8, .2), "blue": (.15, .2, 1), "yellow": (.95, .9, .1), "white": (.95, .95, .95)}
SHAPES = ["disc", "square", "cross", "bar"]
PLACES = ["top left", "top right", "bottom left", "bottom right"]
SIZES = ["small", "large"]
WORDS = ["<pad>", "a", "the", "in", "at", "corner", "there", "is", *COLOURS, *SHAPES, "top", "bottom", "left", "right", *SIZES]
IDX = {w: i for i, w in enumerate(WORDS)}
COMBOS = list(itertools.product(COLOURS, SHAPES, PLACES, SIZES))  # 160


def draw(c, s, p, z):
    img = np.full((3, 24, 24), rng.uniform(0.1, 0.35))
    cy = (6 if "top" in p else 17) + rng.integers(-1, 2)
    cx = (6 if "left" in p else 17) + rng.integers(-1, 2)
    r = 2.2 if z == "small" else 4.6
    yy, xx = np.mgrid[0:24, 0:24]
    dy, dx = np.abs(yy - cy), np.abs(xx - cx)
    m = {"disc": dy ** 2 + dx ** 2 <= r * r, "square": np.maximum(dy, dx) <= r * .85,
         "cross": (np.minimum(dy, dx) <= r / 4) & (np.maximum(dy, dx) <= r), "bar": (dy <= r / 3) & (dx <= r)}[s]
    for k in range(3):
        img[k][m] = COLOURS[c][k]
    return img + rng.normal(0, 0.06, img.shape)


def caption(c, s, p, z):
    forms = [f"a {z} {c} {s} in the {p} corner", f"there is a {z} {c} {s} at the {p}", f"the {c} {s} in the {p} is {z}"]
    ids = [IDX[w] for w in forms[rng.integers(3)].split()]
    return ids + [0] * (10 - len(ids))


class ImageTower(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU(),
                                 nn.Flatten(), nn.Linear(32 * 36, 128), nn.ReLU(), nn.Linear(128, d))

    def forward(self, x):
        return F.normalize(self.net(x), dim=-1)


class TextTower(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.emb = nn.Embedding(len(WORDS), 48, padding_idx=0)
        self.fc = nn.Sequential(nn.Linear(48, 128), nn.ReLU(), nn.Linear(128, d))

    def forward(self, t):
        e = self.emb(t).sum(1) / (t > 0).sum(1, keepdim=True)
        return F.normalize(self.fc(e), dim=-1)


class ToyCLIP(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.image, self.text = ImageTower(d), TextTower(d)
        self.logit_scale = nn.Parameter(torch.tensor(np.log(1 / 0.07), dtype=torch.float32))

    def forward(self, img, txt):
        scale = self.logit_scale.clamp(max=np.log(100)).exp()
        return scale * self.image(img) @ self.text(txt).T


def clip_loss(logits):
    target = torch.arange(len(logits))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def batch(n, pool):
    combos = [COMBOS[i] for i in rng.choice(pool, n, replace=False)]   # no caption twice in a batch
    return torch.tensor(np.stack([draw(*c) for c in combos])).float(), torch.tensor([caption(*c) for c in combos])


perm = rng.permutation(len(COMBOS))
train_pool, val_pool = perm[:128], perm[128:]      # 32 combinations are never seen in training
model = ToyCLIP()
decay = [p for p in model.parameters() if p.ndim > 1]
other = [p for p in model.parameters() if p.ndim <= 1]
opt = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": other, "weight_decay": 0.0}], lr=5e-3, betas=(0.9, 0.98), eps=1e-6)
STEPS, WARM = 500, 50
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: (s + 1) / WARM if s < WARM else 0.5 * (1 + np.cos(np.pi * (s - WARM) / (STEPS - WARM))))
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt)
v_img, v_txt = zip(*[batch(32, val_pool) for _ in range(6)])
hist = []
for step in range(STEPS):
    model.train()
    loss = clip_loss(model(*batch(64, train_pool)))
    opt.zero_grad()
    loss.backward()
    opt.step()
    sched.step()
    if step % 50 == 49:
        model.eval()
        with torch.no_grad():
            ls = [model(i, t) for i, t in zip(v_img, v_txt)]
            v = float(np.mean([clip_loss(l).item() for l in ls]))
            r1 = float(np.mean([(l.argmax(1) == torch.arange(32)).float().mean().item() for l in ls]))
        hist.append(v)
        writer.add_scalar("Loss/train", loss.item(), step)
        writer.add_scalar("Loss/val", v, step)
        print(step + 1, round(loss.item(), 4), round(v, 4), round(r1, 4), round(model.logit_scale.exp().item(), 2))
writer.close()
print(f"RESULT recall_at_1_unseen {r1:.4f} chance {1 / 32:.4f} val_loss {v:.4f} val_min {min(hist):.4f}")
