"""Hand gestures (swipe left, swipe right, push, circle, wave) from range-Doppler-time maps of a small radar, CNN.
Simulated campaigns: the echo falls with the distance and the slant angle changes the Doppler axis."""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1], sys.argv[2]
torch.manual_seed(2)
torch.set_num_threads(1)
rng = np.random.default_rng(2)


def doppler_map(g, dist):
    """16 Doppler bins x 24 frames"""
    t = np.linspace(-1, 1, 24)
    w = rng.uniform(0.8, 1.2)
    v = {0: 5 * t, 1: -5 * t, 2: 5 * np.exp(-4 * t ** 2), 3: 4 * np.sin(3 * w * t + 0.5), 4: 4 * np.sin(8 * w * t)}[g] * rng.uniform(0.8, 1.15)
    v = v * (1.25 - 0.25 * dist)                    # radial part of the speed
    d = np.arange(16)[:, None] - 7.5
    s = np.exp(-0.5 * ((d - v[None]) / 0.9) ** 2) * 1.5 / dist ** 2
    s = s + 0.3 * np.exp(-0.5 * (d / 0.7) ** 2)      # clutter of the room
    return np.log(np.abs(s) + 0.1 * rng.exponential(1, (16, 24)) + 0.01).astype(np.float32)


def campaign(n, lo, hi):
    y = rng.integers(0, 5, n)
    x = np.stack([doppler_map(g, rng.uniform(lo, hi)) for g in y])
    return torch.from_numpy(x)[:, None], torch.from_numpy(y)


far = 3.2
desk = FORM == "faulty"
Xtr, ytr = campaign(2000, 0.5, 1.0 if desk else far)
Xva, yva = campaign(400, 0.5, 1.0 if desk else far)
Xte, yte = campaign(800, 2.5, far)
mean, std = Xtr.mean(), Xtr.std()
Xtr, Xva, Xte = (Xtr - mean) / std, (Xva - mean) / std, (Xte - mean) / std


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))


model = nn.Sequential(block(1, 12), block(12, 24), nn.Flatten(), nn.Linear(24 * 4 * 6, 48), nn.ReLU(), nn.Linear(48, 5))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 12)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, loss_fn)
for epoch in range(12):
    model.train()
    for j in torch.randperm(len(Xtr)).split(32):
        loss = loss_fn(model(Xtr[j]), ytr[j])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    sched.step()
    with writer.evaluating("val"):
        out = model(Xva)
        vl = loss_fn(out, yva).item()
    print(f"epoch {epoch} train {loss.item():.3f} val {vl:.3f} acc {(out.argmax(1) == yva).float().mean():.3f}")
with writer.evaluating("test"):
    out = model(Xte)
    tl = loss_fn(out, yte).item()
acc = (out.argmax(1) == yte).float().mean().item()
writer.close()
print(f"RESULT test_acc {acc:.4f} test_loss {tl:.4f}")
