import sys
import numpy as np
import torch
import torch.nn as nn
from scipy.signal import resample_poly
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
rng = np.random.default_rng(16)
torch.manual_seed(16)
torch.set_num_threads(1)

SAMPLE_RATE = 16000
N_FFT, HOP, FRAMES = 512, 160, 30
FORMANTS = {"a": (780, 1300, 2500), "e": (490, 1900, 2550), "i": (290, 2300, 3000), "o": (450, 850, 2600),
            "u": (330, 800, 2400), "eo": (600, 1050, 2600)}
SYLLABLES = list(FORMANTS)


def utter(syllable, rate, seconds=0.35):
    t = np.arange(int(rate * seconds)) / rate
    f0 = rng.uniform(95, 230)
    scale = rng.uniform(0.92, 1.1)
    phase = 2 * np.pi * np.cumsum(f0 * (1 + 0.03 * np.sin(2 * np.pi * rng.uniform(3, 6) * t))) / rate
    wave = np.zeros_like(t)
    for k in range(1, int(5000 / f0)):
        amp = sum(np.exp(-((k * f0 - f * scale) / rng.uniform(90, 160)) ** 2) * w
                  for f, w in zip(FORMANTS[syllable], (1, 0.6, 0.3)))
        wave += (amp + 0.01) * np.sin(k * phase)
    wave *= np.minimum(1, np.minimum(t, t[-1] - t) / 0.04)
    return wave / np.abs(wave).max() + 0.02 * rng.standard_normal(len(t))


MEL = np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 42)
HZ = 700 * (10 ** (MEL / 2595) - 1)
BINS = np.arange(N_FFT // 2 + 1) * SAMPLE_RATE / N_FFT
BANK = np.stack([np.clip(np.minimum((BINS - a) / (b - a), (c - BINS) / (c - b)), 0, None)
                 for a, b, c in zip(HZ[:-2], HZ[1:-1], HZ[2:])])


def fbank(signal):
    starts = range(0, len(signal) - N_FFT, HOP)
    spec = np.abs(np.fft.rfft(np.stack([signal[s:s + N_FFT] * np.hanning(N_FFT) for s in starts]))) ** 2
    feat = np.log(spec @ BANK.T + 1e-4)
    feat = feat[:FRAMES]
    feat = np.pad(feat, ((0, FRAMES - len(feat)), (0, 0)), mode="edge")
    return ((feat - feat.mean()) / (feat.std() + 1e-6)).astype("float32")


def corpus(n):
    y = rng.integers(0, len(SYLLABLES), n)
    return torch.tensor(np.stack([fbank(utter(SYLLABLES[k], SAMPLE_RATE)) for k in y])), torch.tensor(y)


def own_recordings(n, recorder_rate=44100):
    y = rng.integers(0, len(SYLLABLES), n)
    feats = []
    for k in y:
        signal = utter(SYLLABLES[k], recorder_rate)
        if form == "fixed":
            signal = resample_poly(signal, 160, 441)
        feats.append(fbank(signal))
    return torch.tensor(np.stack(feats)), torch.tensor(y)


class SpeechModel(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(40, 48, 5, padding=2), nn.BatchNorm1d(48), nn.Hardtanh(0, 20))
        self.rnn = nn.GRU(48, hidden, batch_first=True, bidirectional=True)
        self.fc = nn.Sequential(nn.LayerNorm(2 * hidden), nn.Dropout(0.2), nn.Linear(2 * hidden, len(SYLLABLES)))

    def forward(self, x):
        x = self.conv(x.transpose(1, 2)).transpose(1, 2)
        return self.fc(self.rnn(x)[0].mean(1))


def evaluate(loader, part):
    losses, right, n = [], 0, 0
    with writer.evaluating(part):
        for x, y in loader:
            out = model(x)
            losses.append(criterion(out, y).item())
            right += (out.argmax(1) == y).sum().item()
            n += len(y)
    return np.mean(losses), right / n


train_loader = DataLoader(TensorDataset(*corpus(900)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*corpus(250)), batch_size=50)
own_loader = DataLoader(TensorDataset(*own_recordings(250)), batch_size=50)
model = SpeechModel()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(10):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 400)
        optimizer.step()
    val_loss, val_acc = evaluate(val_loader, "val")
    print(f"epoch {epoch} loss {loss.item():.4f} val {val_loss:.4f} acc {val_acc:.4f}")
own_loss, own_acc = evaluate(own_loader, "test")
writer.close()
print(f"RESULT val loss {val_loss:.4f} acc {val_acc:.4f}, own recordings loss {own_loss:.4f} acc {own_acc:.4f}")
