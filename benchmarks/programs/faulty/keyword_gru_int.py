"""Spoken-command toy (5 pitch contours = 5 words) from wav files, frames of the raw wave into a GRU."""
import argparse
import io
import numpy as np
import torch
import torch.nn as nn
from scipy.io import wavfile
from tb_lossdiag import DiagWriter

ap = argparse.ArgumentParser()
ap.add_argument("form")
ap.add_argument("logdir")
ap.add_argument("--epochs", type=int, default=12)
ap.add_argument("--lr", type=float, default=2e-3)
opt = ap.parse_args()
torch.manual_seed(0)
SR, LEN, FRAME = 2000, 1000, 40
CONTOURS = {"up": (0, 1), "down": (1, 0), "peak": (0, 1, 0), "dip": (1, 0, 1), "flat": (0.5, 0.5)}


def utterance(rng, word):
    t = np.arange(LEN) / SR
    c = np.interp(np.linspace(0, 1, LEN), np.linspace(0, 1, len(CONTOURS[word])), CONTOURS[word])
    f0 = rng.uniform(90, 130) + rng.uniform(70, 110) * c
    ph = 2 * np.pi * np.cumsum(f0) / SR + rng.uniform(0, 6)
    env = np.interp(t, [0, .05, .4, .5], [0, 1, 1, 0])
    s = env * sum(np.sin(k * ph) / k for k in (1, 2)) + 0.05 * rng.randn(LEN)
    return s / np.abs(s).max() * rng.uniform(0.5, 0.9)


def write_wav(x):
    b = io.BytesIO()
    wavfile.write(b, SR, (x * 32767).astype(np.int16))
    return b


def read_wav(b):
    b.seek(0)
    sr, a = wavfile.read(b)
    a = a.astype(np.float32)
    if opt.form == "fixed":
        a = a / 2 ** 15
    return torch.from_numpy(a)


def make(n, seed):
    rng = np.random.RandomState(seed)
    words = list(CONTOURS)
    y = rng.randint(0, 5, n)
    return torch.stack([read_wav(write_wav(utterance(rng, words[k]))) for k in y]), torch.from_numpy(y)


class FrameGRU(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.front = nn.Conv1d(1, 32, FRAME, stride=FRAME // 2)
        self.gru = nn.GRU(32, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 5)

    def forward(self, wav):
        z = torch.relu(self.front(wav.unsqueeze(1))).transpose(1, 2)
        h, _ = self.gru(z)
        return self.out(h[:, -1])


xtr, ytr = make(1200, 1)
xva, yva = make(300, 2)
net = FrameGRU()
optimizer = torch.optim.Adam(net.parameters(), lr=opt.lr)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(opt.logdir)
writer.watch(net, optimizer, criterion)
for epoch in range(opt.epochs):
    net.train()
    tot = []
    for idx in torch.randperm(len(xtr)).split(32):
        optimizer.zero_grad()
        loss = criterion(net(xtr[idx]), ytr[idx])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5)
        optimizer.step()
        tot.append(loss.item())
    net.eval()
    with torch.no_grad():
        o = net(xva)
    print(f"<epoch:{epoch:3d}> train loss {np.mean(tot):.3f}  val loss {criterion(o, yva):.3f} val acc {(o.argmax(1) == yva).float().mean():.3f}")
writer.close()
