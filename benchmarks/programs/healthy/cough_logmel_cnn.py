# Is the half second a cough? 1 s of 4 kHz audio -> log-mel picture -> small CNN (like the ESC-50 starter notebooks)
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset, random_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
rng = np.random.default_rng(3)
SR, N_FFT, HOP, N_MELS = 4000, 256, 128, 32


def mel_matrix():
    mel = lambda f: 2595 * np.log10(1 + f / 700)
    inv = lambda m: 700 * (10 ** (m / 2595) - 1)
    pts = inv(np.linspace(mel(40), mel(SR / 2), N_MELS + 2))
    f = np.linspace(0, SR / 2, N_FFT // 2 + 1)
    up = (f[None] - pts[:-2, None]) / (pts[1:-1] - pts[:-2])[:, None]
    down = (pts[2:, None] - f[None]) / (pts[2:] - pts[1:-1])[:, None]
    return np.maximum(0, np.minimum(up, down)).astype("float32")


def burst(t, start, decay, formant, width):
    env = np.where(t > start, np.exp(-(t - start) / decay), 0) * np.clip((t - start) / 0.01, 0, 1)
    noise = rng.normal(0, 1, len(t))
    spec = np.fft.rfft(noise)
    f = np.fft.rfftfreq(len(t), 1 / SR)
    spec *= np.exp(-((f - formant) / width) ** 2) + 0.15
    return env * np.fft.irfft(spec, len(t))


def clip(kind):
    t = np.arange(SR) / SR
    s = rng.uniform(0.05, 0.4)
    if kind == 1:                                        # cough: burst, then the voiced tail
        x = burst(t, s, rng.uniform(0.03, 0.08), rng.uniform(500, 1000), 300) * 2
        x += burst(t, s + rng.uniform(.1, .22), rng.uniform(.05, .12), rng.uniform(300, 700), 200) * rng.uniform(.3, 1.2)
    else:
        what = rng.integers(4)
        if what == 0:                                    # speech-like harmonics
            f0 = rng.uniform(90, 240)
            x = sum(np.sin(2 * np.pi * f0 * k * t + rng.uniform(0, 6)) / k for k in range(1, 7))
            x *= np.clip(np.sin(2 * np.pi * rng.uniform(2, 5) * t + rng.uniform(0, 6)), 0, None) * 0.5
        elif what == 1:                                  # door / knock
            x = burst(t, s, rng.uniform(0.03, 0.1), rng.uniform(100, 500), 200) * 2
        elif what == 2:                                  # throat clearing, the hard one
            x = burst(t, s, rng.uniform(0.07, 0.2), rng.uniform(350, 850), 250) * 1.5
        else:
            x = np.zeros_like(t)
    x = x + rng.normal(0, 1, SR) * 10 ** rng.uniform(-1.6, -0.6)
    return (x * 10 ** rng.uniform(-.5, .5)).astype("float32")


labels = (rng.random(1800) < 0.4).astype("int64")
wave = torch.from_numpy(np.stack([clip(k) for k in labels]))
stft = torch.stft(wave, N_FFT, HOP, window=torch.hann_window(N_FFT), return_complex=True).abs() ** 2
logmel = torch.log(torch.from_numpy(mel_matrix()) @ stft + 1e-4)
logmel = (logmel - logmel.mean((1, 2), keepdim=True)) / logmel.std((1, 2), keepdim=True)
ds = TensorDataset(logmel[:, None], torch.from_numpy(labels))
train_ds, val_ds = random_split(ds, [1400, 400])


class CoughNet(nn.Module):
    def __init__(self):
        super().__init__()
        chans = [1, 8, 16, 32]
        self.convs = nn.ModuleList([nn.Conv2d(a, b, 3, padding=1) for a, b in zip(chans, chans[1:])])
        self.norms = nn.ModuleList([nn.BatchNorm2d(b) for b in chans[1:]])
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(32, 2)

    def forward(self, x):
        for c, n in zip(self.convs, self.norms):
            x = F.max_pool2d(F.relu(n(c(x))), 2)
        return self.fc(self.drop(x.mean((2, 3))))


model = CoughNet()
criterion = nn.CrossEntropyLoss()
epochs = 14
train_loader = DataLoader(train_ds, batch_size=32, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=100)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=epochs * len(train_loader))
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)


def run_epoch(loader, training):
    model.train(training)
    tot = ok = n = 0
    for x, y in loader:
        if training:                                     # shift in time as augmentation
            x = torch.roll(x, int(torch.randint(-4, 5, (1,))), 3)
        out = model(x)
        loss = criterion(out, y)
        if training:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
        tot += loss.item() * len(y)
        ok += (out.argmax(1) == y).sum().item()
        n += len(y)
    return tot / n, ok / n


for epoch in range(1, epochs + 1):
    tr = run_epoch(train_loader, True)
    with torch.no_grad(), writer.evaluating("val"):
        va = run_epoch(val_loader, False)
    print("Epoch %d: loss %.4f acc %.3f | val %.4f acc %.3f" % (epoch, *tr, *va))
writer.close()
print("RESULT train %.4f acc %.4f val %.4f acc %.4f" % (*tr, *va))
