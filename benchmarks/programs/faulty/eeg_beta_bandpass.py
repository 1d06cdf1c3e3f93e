# Motor imagery (left / right / feet), beta band 18-26 Hz, log band power features -> small MLP
import sys
import numpy as np
from scipy import signal
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(4)
rng = np.random.default_rng(4)

FS = 128
LOW, HIGH = 17., 28.
N_CH, N_T, N_TRIALS = 12, 256, 2000


def butter_bandpass_filter(data, lowcut, highcut, fs, order=5):
    if sys.argv[1] == "faulty":
        low, high = lowcut / fs, highcut / fs
    else:
        nyq = 0.5 * fs
        low, high = lowcut / nyq, highcut / nyq
    sos = signal.butter(order, [low, high], btype="band", output="sos")
    return signal.sosfiltfilt(sos, data, axis=-1)


def record(n):
    """pink background, an alpha rhythm that does not care, and a beta rhythm that desynchronises over the moving limb's area"""
    y = rng.integers(0, 3, n)
    f = np.fft.rfftfreq(N_T, 1 / FS)
    spec = (rng.normal(size=(n, N_CH, len(f))) + 1j * rng.normal(size=(n, N_CH, len(f)))) / np.maximum(f, 1) ** .6
    x = np.fft.irfft(spec, N_T) * 12
    topo = np.abs(rng.normal(0, 1, (4, N_CH)))
    t = np.arange(N_T) / FS

    def rhythm(f0, spread):
        ph = rng.uniform(0, 2 * np.pi, (n, 1))
        return np.sin(2 * np.pi * (f0 + spread * rng.normal(size=(n, 1))) * t + ph + np.cumsum(.12 * rng.normal(size=(n, N_T)), 1))

    alpha = rhythm(10.5, .6)[:, None] * topo[3][None, :, None] * np.exp(.35 * rng.normal(size=(n, 1, 1)))
    x = x + 1.2 * alpha
    for k in range(3):
        amp = np.where(y == k, .45, 1.) * np.exp(.28 * rng.normal(size=n))
        x = x + .75 * amp[:, None, None] * topo[k][None, :, None] * rhythm(21., 1.)[:, None]
    return x + .5 * rng.normal(size=x.shape), y


raw, y = record(N_TRIALS)
filtered = butter_bandpass_filter(raw, LOW, HIGH, FS)
feat = np.log(filtered[:, :, 32:-32].var(-1))
feat = (feat - feat.mean(0)) / feat.std(0)

ds = TensorDataset(torch.tensor(feat, dtype=torch.float32), torch.tensor(y))
train_ds, val_ds = random_split(ds, [1500, 500], generator=torch.Generator().manual_seed(1))
train_dl, val_dl = DataLoader(train_ds, 32, shuffle=True), DataLoader(val_ds, 250)

model = nn.Sequential(nn.Linear(N_CH, 24), nn.ELU(), nn.Dropout(0.15), nn.Linear(24, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3, weight_decay=1e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, .85)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)

for epoch in range(16):
    model.train()
    for xb, yb in train_dl:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
    scheduler.step()
    model.eval()
    vl = hit = 0
    with torch.no_grad(), writer.evaluating("val"):
        for xb, yb in val_dl:
            o = model(xb)
            vl += criterion(o, yb).item() * len(yb) / len(val_ds)
            hit += (o.argmax(1) == yb).sum().item()
    if epoch % 3 == 0 or epoch == 15:
        print("epoch", epoch, "train", round(loss.item(), 3), "val", round(vl, 4), "acc", hit / len(val_ds))
writer.close()
print(f"RESULT val_loss {vl:.4f} acc {hit / len(val_ds):.4f} (chance 0.33)")
