"""PLAsTiCC-style photometric classification: GRU over irregular flux measurements in several bands (Kaggle port).
Fluxes span orders of magnitude: arcsinh of flux/error ratio is taken, times are given as differences. Six types, two of
them hard to tell apart; weighted log loss of the competition becomes plain cross-entropy with class weights."""
import argparse

import numpy as np
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument("logdir")
parser.add_argument("--epochs", type=int, default=9)
parser.add_argument("--lr", type=float, default=3e-3)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(0)

CLASSES = ["SNIa", "SNIbc", "SNII", "RRL", "Mira", "AGN"]
FRACTION = [.34, .10, .22, .12, .07, .15]


def light_curve(rng, c):
    n = rng.integers(14, 30)
    t = np.sort(rng.uniform(0, 120, n))
    band = rng.integers(0, 4, n)
    amp = np.exp(rng.normal(4.0, .9))
    t0 = rng.uniform(15, 70)
    if c in (0, 1):
        rise, fall = (rng.normal(5, .8), rng.normal(20, 3)) if c == 0 else (rng.normal(4.2, 1.), rng.normal(16, 4))
        colour = np.array([.7, 1., .95, .8]) if c == 0 else np.array([.45, .85, 1., .95])
        f = np.exp(-(t - t0) / (fall + 4 * band)) / (1 + np.exp(-(t - t0) / rise)) * colour[band] * 2
    elif c == 2:
        plateau = rng.normal(70, 12)
        f = (1 / (1 + np.exp(-(t - t0) / 3))) / (1 + np.exp((t - t0 - plateau) / 6)) * np.array([.5, .8, 1., 1.])[band] ** (1 + np.maximum(t - t0, 0) / 40)
    elif c == 3:
        p = rng.uniform(.4, .7)
        ph = (t / p + rng.random()) % 1
        f = (np.exp(-4 * ph) - .25) * np.array([1.3, 1., .8, .7])[band]
    elif c == 4:
        f = np.sin(2 * np.pi * t / rng.uniform(100, 300) + rng.uniform(0, 6.3)) * np.array([.2, .5, 1., 1.5])[band]
    else:
        w = np.cumsum(rng.normal(0, 1, n) * np.sqrt(np.diff(t, prepend=0))) * .15
        f = (w - w.mean()) * np.array([1.2, 1., .9, .8])[band]
    err = amp * .08 + np.exp(rng.normal(1.6, .4))
    flux = amp * f + rng.normal(0, err, n)
    x = np.zeros((n, 7), np.float32)
    x[:, 0] = np.arcsinh(flux / 20)
    x[:, 1] = np.log(err)
    x[:, 2] = np.diff(t, prepend=t[0]) / 5
    x[np.arange(n), 3 + band] = 1
    return torch.from_numpy(x)


def make(n, seed):
    rng = np.random.default_rng(seed)
    y = rng.choice(6, n, p=FRACTION)
    return [light_curve(rng, c) for c in y], torch.tensor(y)


class LightCurveGRU(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.inp = nn.Sequential(nn.Linear(7, 32), nn.LeakyReLU(.1))
        self.gru = nn.GRU(32, hidden, bidirectional=True, batch_first=True)
        self.head = nn.Sequential(nn.Linear(4 * hidden, 48), nn.LeakyReLU(.1), nn.Dropout(.3), nn.Linear(48, 6))

    def forward(self, seqs):
        lengths = torch.tensor([len(s) for s in seqs])
        x = self.inp(pad_sequence(seqs, batch_first=True))
        out, h = self.gru(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
        out, _ = nn.utils.rnn.pad_packed_sequence(out, batch_first=True)
        mask = torch.arange(out.shape[1])[None] < lengths[:, None]
        mean = (out * mask[..., None]).sum(1) / lengths[:, None]
        return self.head(torch.cat([h[0], h[1], mean], 1))


train_x, train_y = make(3500, 1)
val_x, val_y = make(1000, 2)
weights = 1 / torch.bincount(train_y).float().sqrt()
weights = weights / weights.mean()
model = LightCurveGRU()
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.epochs)
criterion = nn.CrossEntropyLoss(weight=weights)
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, criterion)

for epoch in range(args.epochs):
    model.train()
    losses = []
    for idx in torch.randperm(len(train_x)).split(50):
        loss = criterion(model([train_x[i] for i in idx]), train_y[idx])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.)
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    model.eval()
    with writer.evaluating("val"), torch.no_grad():
        out = model(val_x)
        vloss = criterion(out, val_y).item()
    acc = (out.argmax(1) == val_y).float().mean().item()
    print(f"epoch {epoch + 1} train {np.mean(losses):.4f} val {vloss:.4f} acc {acc:.4f}")
writer.close()
print("recall per class", {c: round((out.argmax(1)[val_y == i] == i).float().mean().item(), 2) for i, c in enumerate(CLASSES)})
print(f"RESULT train {np.mean(losses):.4f} val {vloss:.4f} acc {acc:.4f}")
