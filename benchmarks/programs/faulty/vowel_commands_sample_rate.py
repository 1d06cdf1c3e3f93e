# Command words -> MFCC -> GRU. Test recordings come from the phone app.
import sys
import numpy as np
import torch
import torch.nn as nn
from scipy.fft import dct
from scipy.signal import resample_poly, lfilter
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(6)
rng = np.random.default_rng(6)
SR = 8000
VOWELS = {"a": (750, 1250), "e": (480, 1900), "i": (300, 2250), "o": (480, 900), "u": (330, 700)}
WORDS = ["ie", "ei", "ou", "uo", "ae", "ea"]


def speak(word, sr):
    """two vowels with a glide, source-filter synthesis at the sampling rate of the recorder"""
    n = int(0.36 * sr)
    f0 = rng.uniform(95, 220)
    tract = rng.normal(1.0, 0.10)
    pulses = np.zeros(n)
    pulses[(np.cumsum(np.full(n, f0 / sr) * (1 + 0.01 * rng.normal(size=n))) % 1) < f0 / sr] = 1
    src = pulses + 0.03 * rng.normal(size=n)
    out = np.zeros(n)
    split = int(n * rng.uniform(0.4, 0.6))
    for seg, v in ((slice(0, split), word[0]), (slice(split, n), word[1])):
        y = src[seg]
        for F, bw in zip(VOWELS[v], (90, 130)):
            F = F * tract * np.exp(0.11 * rng.normal())
            r, th = np.exp(-np.pi * bw / sr), 2 * np.pi * F / sr
            y = lfilter([1 - r], [1, -2 * r * np.cos(th), r * r], y)
        out[seg] = y
    out = out / out.std() + rng.uniform(0.6, 2.0) * rng.normal(size=n)
    return out * rng.uniform(0.05, 0.2)


def mel_bank(n_fft, sr, n_mel=24):
    mel = lambda f: 2595 * np.log10(1 + f / 700)
    edges = 700 * (10 ** (np.linspace(mel(60), mel(sr / 2), n_mel + 2) / 2595) - 1)
    f = np.arange(n_fft // 2 + 1) * sr / n_fft
    return np.maximum(0, np.minimum((f[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None],
                                    (edges[2:, None] - f[None]) / (edges[2:] - edges[1:-1])[:, None]))


BANK = mel_bank(256, SR)


def mfcc(sig, length=28):
    fr = np.lib.stride_tricks.sliding_window_view(sig, 256)[::100][:length] * np.hanning(256)
    sp = np.log(np.abs(np.fft.rfft(fr)) ** 2 @ BANK.T + 1e-8)
    c = dct(sp, norm="ortho")[:, 1:13]
    c = c - c.mean(0)
    return np.pad(c, ((0, length - len(c)), (0, 0)))


def load(word, sr):
    sig = speak(word, sr)
    if sr != SR and sys.argv[1] != "faulty":
        sig = resample_poly(sig, SR, sr)
    return mfcc(sig)


def corpus(n, sr):
    y = rng.integers(0, len(WORDS), n)
    return torch.tensor(np.stack([load(WORDS[k], sr) for k in y]), dtype=torch.float32), torch.tensor(y)


Xtr, ytr = corpus(1500, SR)
Xva, yva = corpus(400, SR)
Xte, yte = corpus(400, 16000)                                   # the app records with 16 kHz
sd = Xtr.std((0, 1))
Xtr, Xva, Xte = Xtr / sd, Xva / sd, Xte / sd


class KWS(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(12, 32, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(64, len(WORDS))

    def forward(self, x):
        h, _ = self.gru(x)
        return self.fc(self.drop(h.mean(1)))


net = KWS()
crit = nn.CrossEntropyLoss()
opt = torch.optim.Adam(net.parameters(), 2e-3, weight_decay=1e-4)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, crit)


def evaluate(name, x, y):
    net.eval()
    with torch.no_grad(), writer.evaluating(name):
        o = net(x)
        return crit(o, y).item(), (o.argmax(1) == y).float().mean().item()


for ep in range(10):
    net.train()
    for b in torch.randperm(len(Xtr)).split(25):
        opt.zero_grad()
        loss = crit(net(Xtr[b]), ytr[b])
        loss.backward()
        opt.step()
    v = evaluate("val", Xva, yva)
    t = evaluate("test", Xte, yte)
    print(f"{ep:2d} loss {loss.item():.3f} | val {v[0]:.3f} {v[1]:.3f} | app recordings {t[0]:.3f} {t[1]:.3f}")
writer.close()
print(f"RESULT val_loss={v[0]:.4f} val_acc={v[1]:.4f} test_loss={t[0]:.4f} test_acc={t[1]:.4f}")
