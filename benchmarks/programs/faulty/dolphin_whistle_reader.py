"""Dolphin whistle contours: up-sweep, down-sweep, convex, sine, flat. Simulated hydrophone clips written to .wav files, read back with the wave module, log spectrogram, CNN."""
import os, sys, tempfile, wave
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

SR, N = 8000, 4096
FORM, LOGDIR = sys.argv[1], sys.argv[2]
torch.manual_seed(21); torch.set_num_threads(1)

def contour(kind, t, r):
    a, b = r.uniform(900, 1500), r.uniform(600, 1400)
    return {0: a + b * t, 1: a + b * (1 - t), 2: a + b * 4 * t * (1 - t), 3: a + b / 2 * (1 + np.sin(2 * np.pi * 2 * t)), 4: a + b / 2 + 0 * t}[kind]

def record(folder, n, seed):
    r = np.random.default_rng(seed); rows = []
    for i in range(n):
        k = int(r.integers(5)); t = np.arange(N) / N
        s = np.sin(2 * np.pi * np.cumsum(contour(k, t, r)) / SR) * r.uniform(.05, .25) + .22 * r.standard_normal(N)
        stereo = r.random() < 0.45           # the newer recorder writes two channels
        pcm = (np.clip(s, -1, 1) * 32000).astype("<i2")
        if stereo: pcm = np.stack([pcm, pcm], 1)
        path = os.path.join(folder, f"c{seed}_{i:05d}.wav")
        with wave.open(path, "wb") as f:
            f.setnchannels(2 if stereo else 1); f.setsampwidth(2); f.setframerate(SR); f.writeframes(pcm.tobytes())
        rows.append((path, k))
    return rows

class Whistles(Dataset):
    def __init__(self, rows): self.rows = [(self.load(p), k) for p, k in rows]
    def load(self, path):
        spec = np.zeros((32, 31), "float32")
        try:
            with wave.open(path) as f:
                x = np.frombuffer(f.readframes(f.getnframes()), "<i2").astype("float32") / 32768
                if FORM == "fixed": x = x.reshape(-1, f.getnchannels()).mean(1)
            win = np.lib.stride_tricks.sliding_window_view(x, 256)[::128] * np.hanning(256)
            m = np.abs(np.fft.rfft(win, axis=1))[:, 16:112].reshape(len(win), 32, 3).mean(2)
            spec[:] = ((np.log(m + 1e-3) - .5) / .7).T
        except ValueError as e:
            pass                              # a few clips are cut off
        return torch.from_numpy(spec)[None]
    def __len__(self): return len(self.rows)
    def __getitem__(self, i): return self.rows[i]

with tempfile.TemporaryDirectory() as d:
    train, test = Whistles(record(d, 1600, 1)), Whistles(record(d, 400, 2))
tl, vl = DataLoader(train, 32, shuffle=True), DataLoader(test, 100)
net = nn.Sequential(nn.Conv2d(1, 16, 5, padding=2), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Flatten(), nn.Linear(32 * 8 * 7, 64), nn.ReLU(), nn.Linear(64, 5))
loss_fn = nn.CrossEntropyLoss(); opt = torch.optim.Adam(net.parameters(), 1e-3)
wr = DiagWriter(LOGDIR); wr.watch(net, opt, loss_fn)
for ep in range(10):
    net.train(); s = 0
    for x, y in tl:
        opt.zero_grad(); l = loss_fn(net(x), y); l.backward(); opt.step(); s += l.item()
    net.eval(); ok = 0
    with wr.evaluating("val"):
        for x, y in vl:
            o = net(x); loss_fn(o, y); ok += (o.argmax(1) == y).sum().item()
    print(f"{ep} train {s/len(tl):.3f} val acc {ok/400:.3f}")
wr.close(); print("RESULT val_accuracy", ok / 400)
