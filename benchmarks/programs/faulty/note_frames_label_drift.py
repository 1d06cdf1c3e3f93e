"""Frame-wise note transcription: CQT-like frames -> which of 12 pitch classes sound. Long synthetic tracks,
annotations come as (onset, offset, pitch) in seconds and are laid on the frame grid of the features."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1); torch.manual_seed(14); rs = np.random.RandomState(14)

SR, FFT_HOP = 22050, 256
WIN = 43844                                  # samples per analysis window
OVERLAP_FRAMES = 30
FRAMES_PER_WIN = 172                         # frames the extractor gives for a window
HOP = WIN - OVERLAP_FRAMES * FFT_HOP         # 36164 samples between windows
KEPT = FRAMES_PER_WIN - OVERLAP_FRAMES       # 142 frames are kept of each
DECIM = 6                                    # features are averaged over 6 frames to keep it small


def random_track(seconds):
    t, notes = 0.3, []
    scale = rs.choice(12, 7, replace=False)
    while t < seconds - 1:
        d = rs.uniform(0.15, 0.6)
        for p in rs.choice(scale, rs.choice([1, 2, 3], p=[.5, .3, .2]), replace=False):
            notes.append((t, t + d * rs.uniform(.8, 1.0), p))
        t += d + (rs.uniform(0.05, .3) if rs.rand() < .3 else 0)
    return notes


def activation(notes, times):
    a = np.zeros((len(times), 12), np.float32)
    for on, off, p in notes:
        a[(times >= on) & (times < off), p] = 1
    return a


def features(notes, seconds):
    """the extractor works window by window, frame k of window w is centred on w*HOP + k*FFT_HOP"""
    n_win = int(seconds * SR // HOP)
    starts = np.arange(n_win) * HOP
    times = ((starts[:, None] + np.arange(KEPT)[None] * FFT_HOP) / SR).reshape(-1)
    clean = activation(notes, times)
    f = np.zeros((len(times), 24), np.float32)
    f[:, :12] += clean * rs.uniform(.5, 1.2, 12)
    f[:, 12:] += 0.6 * clean                              # octave
    f[:, 7:19] += 0.35 * clean                            # third partial
    f += 0.45 * rs.randn(*f.shape)
    return f, times


def track(seconds=150):
    notes = random_track(seconds)
    f, times = features(notes, seconds)
    if form == "faulty":
        grid = np.arange(len(f)) * FFT_HOP / SR           # frame index -> seconds
    else:
        grid = times
    y = activation(notes, grid)
    y_true = activation(notes, times)
    n = len(f) // DECIM * DECIM
    dec = lambda a: a[:n].reshape(-1, DECIM, a.shape[1]).mean(1)
    return dec(f), (dec(y) > 0.5).astype(np.float32), (dec(y_true) > 0.5).astype(np.float32)


def cut(tracks, L=48, col=1):
    X, Y = [], []
    for tr in tracks:
        for s in range(0, len(tr[0]) - L, L):
            X.append(tr[0][s:s + L]); Y.append(tr[col][s:s + L])
    return TensorDataset(torch.tensor(np.array(X)), torch.tensor(np.array(Y)))


class NoteNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(24, 32, 3, padding=1), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.1))
        self.gru = nn.GRU(32, 24, batch_first=True, bidirectional=True)
        self.note = nn.Linear(48, 12)

    def forward(self, x):
        h = self.conv(x.transpose(1, 2)).transpose(1, 2)
        return self.note(self.gru(h)[0])


tracks = [track() for _ in range(36)]
train_dl = DataLoader(cut(tracks[:30]), batch_size=32, shuffle=True)
val_dl = DataLoader(cut(tracks[30:]), batch_size=128)              # annotations laid out by the same code
truth = cut(tracks[30:], col=2)                                     # hand-aligned frames
print(len(train_dl.dataset), "training excerpts")
model = NoteNet()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 12 * len(train_dl))
bce = nn.BCEWithLogitsLoss()
writer = DiagWriter(logdir); writer.watch(model, optimizer, bce)
for epoch in range(12):
    model.train(); t = 0.
    for x, y in train_dl:
        optimizer.zero_grad()
        loss = bce(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 3.)
        optimizer.step(); scheduler.step()
        t += loss.item() / len(train_dl)
    model.eval(); v = 0.
    with torch.no_grad(), writer.evaluating("val"):
        for x, y in val_dl:
            v += bce(model(x), y).item() * len(x) / len(val_dl.dataset)
    print(f"epoch {epoch:2d} train {t:.4f} val {v:.4f}")
with torch.no_grad():
    p = model(truth.tensors[0]) > 0; y = truth.tensors[1] > 0.5
    f1 = 2 * (p & y).sum().item() / (p.sum().item() + y.sum().item())
writer.close()
print(f"RESULT val_loss={v:.4f} frame_F_against_true_alignment={f1:.4f} train={t:.4f}")
