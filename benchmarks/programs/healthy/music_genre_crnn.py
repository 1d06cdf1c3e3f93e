# -*- coding: utf-8 -*-
# Music genre CRNN (Choi et al. 2017): conv blocks over mel bands, GRU over time.  Synthetic log-mel patches of 6 genres.
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)

GENRES = ['ambient', 'techno', 'rock', 'metal', 'jazz', 'folk']
#            bpm lo/hi   kick  hats  brightness distortion tonal
PARAMS = {'ambient': (50, 80, .1, .05, -.05, .0, .9), 'techno': (120, 140, 1., .7, .0, .1, .3), 'rock': (100, 140, .6, .5, .02, .5, .6),
          'metal': (130, 190, .8, .5, .04, .9, .4), 'jazz': (80, 160, .25, .6, -.02, .05, .7), 'folk': (80, 130, .2, .2, -.03, .05, .8)}


def make_clip(rng, genre, T=48, M=32):
    lo, hi, kick, hats, bright, dist, tonal = PARAMS[genre]
    j = lambda v: v + rng.normal(0, .17)
    bpm = rng.uniform(lo, hi)
    period = 60 / bpm / .05
    t = np.arange(T)
    f = np.arange(M)[:, None]
    S = np.exp(-.05 * f) * .5 + j(bright) * f / 8
    phase = rng.uniform(0, period)
    beat = np.exp(-((t + phase) % period) / 1.5)
    off = np.exp(-((t + phase + period / 2) % (period / 2)) / .8)
    S = S + j(kick) * beat * np.exp(-f / 4.) + j(hats) * off * (f > 22)
    S = S + j(dist) * np.exp(-((f - 14) / 8.) ** 2)
    for _ in range(3):
        note = rng.integers(4, 20)
        start = rng.integers(0, T - 8)
        dur = rng.integers(6, 24)
        on = (t >= start) & (t < start + dur)
        for h in range(1, 4):
            S = S + j(tonal) / h * on * (np.abs(f - note - 4 * (h - 1)) < 1)
    return (S + rng.normal(0, .3, (M, T))).astype('float32')


def dataset(n, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 6, n)
    return torch.from_numpy(np.stack([make_clip(rng, GENRES[k]) for k in y]))[:, None], torch.from_numpy(y)


class CRNN(nn.Module):
    def __init__(self, n_class=6):
        super(CRNN, self).__init__()
        self.bn0 = nn.BatchNorm2d(1)
        ch = [1, 8, 16, 24]
        blocks = []
        for a, b, p in zip(ch, ch[1:], [(2, 2), (4, 2), (4, 2)]):
            blocks += [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ELU(), nn.MaxPool2d(p), nn.Dropout(.1)]
        self.conv = nn.Sequential(*blocks)
        self.gru = nn.GRU(24, 24, num_layers=1, batch_first=True)
        self.drop = nn.Dropout(.3)
        self.dense = nn.Linear(24, n_class)

    def forward(self, x):
        x = self.conv(self.bn0(x))            # (B, 24, 1, T')
        x = x.squeeze(2).permute(0, 2, 1)
        _, h = self.gru(x)
        return self.dense(self.drop(h[-1]))


torch.manual_seed(5)
Xtr, ytr = dataset(1800, 0)
Xva, yva = dataset(500, 1)
model = CRNN()
optimizer = torch.optim.Adam(model.parameters(), lr=0.004)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=12, eta_min=1e-5)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
for epoch in range(12):
    model.train()
    perm, losses = torch.randperm(len(Xtr)), []
    for i in range(0, len(Xtr), 50):
        b = perm[i:i + 50]
        loss = criterion(model(Xtr[b]), ytr[b])
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    model.eval()
    with writer.evaluating('val'), torch.no_grad():
        out = model(Xva)
        val_loss = criterion(out, yva).item()
    acc = (out.argmax(1) == yva).float().mean().item()
    print('epoch %d loss %.4f val_loss %.4f val_acc %.3f' % (epoch + 1, np.mean(losses), val_loss, acc))
writer.close()
print(f"RESULT train={np.mean(losses):.4f} val={val_loss:.4f} acc={acc:.4f}")
