"""Frame-wise chord recognition (24 major/minor chords + no chord) from chroma vectors with a bidirectional GRU"""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
FRAMES = 32


def song(rng):
    key, mode = rng.integers(12), rng.integers(2)
    degrees = [(0, 0), (5, 0), (7, 0), (9, 1), (2, 1), (4, 1)] if mode == 0 else [(0, 1), (5, 1), (7, 1), (3, 0), (8, 0), (10, 0)]
    labels, i = np.zeros(FRAMES, int), 0
    while i < FRAMES:
        d, q = degrees[rng.choice(6, p=[.3, .2, .2, .12, .1, .08])]
        dur = rng.integers(3, 9)
        labels[i:i + dur] = 24 if rng.random() < .06 else (key + d) % 12 + 12 * q
        i += dur
    chroma = rng.gamma(1.0, .16, (FRAMES, 12))
    for f, c in enumerate(labels):
        if c == 24:
            chroma[f] += rng.gamma(1., .2, 12)
            continue
        root, minor = c % 12, c // 12
        for iv, lev in ((0, 1.), (3 if minor else 4, .6), (7, .75), (rng.choice([2, 5, 9, 10, 11]), .45)):
            note = (root + iv) % 12
            s = lev * rng.gamma(1.6, .45)
            chroma[f, note] += s
            chroma[f, (note + 7) % 12] += .3 * s                   # third harmonic
    return (chroma / np.abs(chroma).max(1, keepdims=True)).astype(np.float32), labels


def dataset(n, seed):
    rng = np.random.default_rng(seed)
    x, y = zip(*(song(rng) for _ in range(n)))
    return torch.tensor(np.array(x)), torch.tensor(np.array(y))


class ChordNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(12, 32)
        self.gru = nn.GRU(32, 48, bidirectional=True, batch_first=True)
        self.out = nn.Linear(96, 25)

    def forward(self, x):
        h = nn.functional.dropout(torch.relu(self.inp(x)), .2, self.training)
        h, _ = self.gru(h)
        return self.out(nn.functional.dropout(h, .4, self.training))


def transpose(x, y):
    """augmentation: roll the chroma, roll the chord"""
    k = int(torch.randint(12, ()))
    y2 = torch.where(y == 24, y, (y % 12 + k) % 12 + y // 12 * 12)
    return x.roll(k, dims=-1), y2


torch.manual_seed(2)
xt, yt = dataset(800, 0)
xv, yv = dataset(200, 1)
model = ChordNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
epochs, bs = 12, 20
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.6e-2, total_steps=epochs * (len(xt) // bs))
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
for epoch in range(epochs):
    model.train()
    total = 0
    for b in torch.randperm(len(xt)).split(bs):
        x, y = transpose(xt[b], yt[b])
        loss = criterion(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.)
        optimizer.step()
        scheduler.step()
        total += loss.item()
    model.eval()
    with writer.evaluating("val"), torch.no_grad():
        o = model(xv)
        v = criterion(o.flatten(0, 1), yv.flatten()).item()
        acc = (o.argmax(-1) == yv).float().mean().item()
    print(f"{epoch + 1:2d}/{epochs} train {total / (len(xt) // bs):.4f} val {v:.4f} frame accuracy {acc:.4f}")
writer.close()
print(f"RESULT val_loss={v:.4f} val_acc={acc:.4f}")
