"""Four kinds of under-water sounds from a hydrophone, log spectrogram + small CNN (simulated recordings at 16 kHz).

python hydrophone_two_rates.py faulty|fixed LOGDIR
The model works at 4 kHz; load_clip() decimates a recording, as torchaudio's Resample would.
"""
import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

MODE, LOGDIR = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(4)
KINDS = ["upsweep", "downsweep", "pulse train", "ship"]
RATE_FILE, RATE_MODEL, CLIP = 16000, 4000, 2000     # half a second at 4 kHz


def record(kind, rng):
    t = np.arange(RATE_FILE // 2) / RATE_FILE
    f0 = rng.uniform(250, 500)
    if kind == 0:
        x = np.sin(2 * np.pi * (f0 * t + rng.uniform(600, 1100) * t ** 2))
    elif kind == 1:
        x = np.sin(2 * np.pi * ((f0 + 900) * t - rng.uniform(600, 900) * t ** 2))
    elif kind == 2:
        x = np.sin(2 * np.pi * (f0 + 500) * t) * (np.sin(2 * np.pi * rng.uniform(9, 16) * t) > 0.7) * 1.5
    else:
        x = sum(np.sin(2 * np.pi * k * f0 / 4 * t + rng.uniform(0, 6)) / k for k in range(1, 7))
    return (x * rng.uniform(0.4, 1.0) + rng.normal(0, 0.6, len(t))).astype(np.float32)


def load_clip(wave, resample=True):
    if resample:
        wave = wave.reshape(-1, RATE_FILE // RATE_MODEL).mean(1)
    return torch.from_numpy(wave[:CLIP].copy())


class Hydrophone(Dataset):
    def __init__(self, n, seed, resample):
        rng = np.random.default_rng(seed)
        self.y = rng.integers(0, 4, n)
        win = torch.hann_window(128)
        clips = torch.stack([load_clip(record(k, rng), resample) for k in self.y])
        spec = torch.stft(clips, 128, 64, window=win, return_complex=True).abs()
        self.x = torch.log(spec + 1e-2).unsqueeze(1)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], int(self.y[i])


class SpecNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2))
        self.fc = nn.Linear(16 * 16 * 8, 4)

    def forward(self, x):
        return self.fc(self.features(x).flatten(1))


class Trainer:
    def __init__(self, model, train, val):
        self.model, self.train, self.val = model, train, val
        self.loss = nn.CrossEntropyLoss()
        self.opt = torch.optim.Adam(model.parameters(), lr=5e-4)
        self.writer = DiagWriter(LOGDIR)
        self.writer.watch(model, self.opt, self.loss)

    def run_epoch(self):
        self.model.train()
        total = 0.0
        for x, y in self.train:
            self.opt.zero_grad()
            loss = self.loss(self.model(x), y)
            loss.backward()
            self.opt.step()
            total += loss.item()
        return total / len(self.train)

    def validate(self):
        self.model.eval()
        right = n = total = 0
        with self.writer.evaluating("val"):
            for x, y in self.val:
                out = self.model(x)
                total += self.loss(out, y).item() * len(y)
                right += (out.argmax(1) == y).sum().item()
                n += len(y)
        return total / n, right / n

    def fit(self, epochs):
        for e in range(epochs):
            tr = self.run_epoch()
            vl, acc = self.validate()
            print(f"epoch {e}: train {tr:.4f} val {vl:.4f} acc {acc:.3f}")
        self.writer.close()
        return vl, acc


train_set = Hydrophone(800, 0, resample=True)
val_set = Hydrophone(300, 1, resample=MODE == "fixed")
trainer = Trainer(SpecNet(), DataLoader(train_set, 32, shuffle=True), DataLoader(val_set, 100))
vl, acc = trainer.fit(8)
print("RESULT val_acc", round(acc, 4), "val_loss", round(vl, 4))
