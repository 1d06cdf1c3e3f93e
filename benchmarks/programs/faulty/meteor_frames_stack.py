"""Meteor camera: what crosses the frame - meteor, aeroplane, satellite or nothing?  (simulated 20x20 cut-outs)

python meteor_frames_stack.py faulty|fixed LOGDIR
The camera takes 16 exposures of each event; `stack` says how many of them are averaged into the picture.
"""
import argparse

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

ap = argparse.ArgumentParser()
ap.add_argument("form")
ap.add_argument("logdir")
opt = ap.parse_args()
torch.manual_seed(9)
torch.set_num_threads(1)

S, READ_NOISE = 20, 1.0


def scene(kind, rng):
    im = np.zeros((S, S))
    a, off = rng.uniform(0, np.pi), rng.uniform(-4, 4)
    yy, xx = np.mgrid[:S, :S] - S / 2
    along = xx * np.cos(a) + yy * np.sin(a)
    across = -xx * np.sin(a) + yy * np.cos(a) - off
    line = np.exp(-(across / 1.0) ** 2)
    if kind == 0:      # meteor: short and swelling
        im = line * np.exp(-((along - rng.uniform(-2, 2)) / 4.0) ** 2) * 1.6
    elif kind == 1:    # aeroplane: dashes
        im = line * (np.sin(along * 1.3 + rng.uniform(0, 6)) > 0.2) * 1.3
    elif kind == 2:    # satellite: even line
        im = line * 0.8
    for _ in range(rng.poisson(2)):   # stars
        cy, cx = rng.uniform(-9, 9, 2)
        im = im + 0.8 * np.exp(-((xx - cx) ** 2 + (yy - cy) ** 2) / 1.0)
    return im


def load(n, seed, stack=16):
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 4, n)
    frames = np.stack([scene(k, rng) + rng.normal(0, READ_NOISE, (stack, S, S)).mean(0) for k in kinds])
    return TensorDataset(torch.tensor(frames, dtype=torch.float32).unsqueeze(1), torch.tensor(kinds))


train_set = load(1500, 1)
val_set = load(400, 2)
test_set = load(400, 3, stack=8) if opt.form == "faulty" else load(400, 3)


def conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))


model = nn.Sequential(conv(1, 12), conv(12, 24), nn.Flatten(), nn.Linear(24 * 25, 48), nn.ReLU(), nn.Dropout(0.2),
                      nn.Linear(48, 4))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
writer = DiagWriter(opt.logdir)
writer.watch(model, optimizer, loss_fn)
train_loader = DataLoader(train_set, batch_size=48, shuffle=True)


def evaluate(ds, name):
    model.eval()
    hits = total = 0.0
    with writer.evaluating(name):
        for x, y in DataLoader(ds, batch_size=200):
            out = model(x)
            total += loss_fn(out, y).item() * len(y)
            hits += (out.argmax(1) == y).sum().item()
    return total / len(ds), hits / len(ds)


for epoch in range(14):
    model.train()
    for x, y in train_loader:
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    vl, va = evaluate(val_set, "val")
    print(f"epoch {epoch + 1:2d}: val loss {vl:.3f}, val acc {va:.3f}")

tl, ta = evaluate(test_set, "test")
writer.close()
print("RESULT test_acc", round(ta, 4), "test_loss", round(tl, 4), "val_acc", round(va, 4))
