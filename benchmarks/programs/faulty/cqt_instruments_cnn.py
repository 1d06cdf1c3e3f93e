import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(7)
rng = np.random.RandomState(7)

BINS, FRAMES, INSTRUMENTS = 48, 24, 8
timbre = rng.gamma(1.2, 1.0, size=(INSTRUMENTS, 6))
timbre /= timbre.sum(1, keepdims=True)
attack = rng.uniform(0.03, 0.30, INSTRUMENTS)
steps = np.array([0, 12, 19, 24, 28, 31])


def cqt_of(instrument):
    note = rng.randint(0, 16)
    t = np.arange(FRAMES)
    envelope = np.exp(-attack[instrument] * np.maximum(t - rng.randint(0, 6), 0))
    spec = np.zeros((BINS, FRAMES))
    weights = timbre[instrument] * rng.lognormal(0, 0.9, 6)
    for w, s in zip(weights, steps):
        for d, a in ((-1, 0.3), (0, 1.0), (1, 0.3)):
            b = note + s + d
            if 0 <= b < BINS:
                spec[b] += a * w * envelope
    spec += 0.20 * rng.rand(BINS, FRAMES)
    return np.log1p(20 * spec)


def make_set(n):
    y = rng.randint(0, INSTRUMENTS, n)
    x = np.stack([cqt_of(i) for i in y])
    return x, y


X, y = make_set(700)
X = (X - X.mean()) / X.std()
X = torch.tensor(X, dtype=torch.float32).unsqueeze(1)
y = torch.tensor(y)
n_train = 240
train_loader = DataLoader(TensorDataset(X[:n_train], y[:n_train]), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(X[n_train:], y[n_train:]), batch_size=200)


class InstrumentNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 5, padding=2)
        self.conv2 = nn.Conv2d(16, 32, 5, padding=2)
        self.dense = nn.Linear(32 * (BINS // 4) * (FRAMES // 4), 128)
        self.out = nn.Linear(128, INSTRUMENTS)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2(x), 2))
        return self.out(F.relu(self.dense(x.flatten(1))))


model = InstrumentNet()
if form == "faulty":
    l2 = 0.0
else:
    l2 = 1.2e-1
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=l2)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion, train_loader=train_loader)

for epoch in range(24):
    model.train()
    running, right = 0.0, 0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        out = model(xb)
        loss = criterion(out, yb)
        loss.backward()
        optimizer.step()
        running += loss.item() * len(xb)
        right += (out.argmax(1) == yb).sum().item()
    val_loss, val_right = 0.0, 0
    with writer.evaluating("val"):
        for xb, yb in val_loader:
            out = model(xb)
            val_loss += criterion(out, yb).item() * len(xb)
            val_right += (out.argmax(1) == yb).sum().item()
    n_val = len(X) - n_train
    print(f"epoch {epoch + 1:2d} loss {running / n_train:.3f} acc {right / n_train:.3f} "
          f"val_loss {val_loss / n_val:.3f} val_acc {val_right / n_val:.3f}")

writer.close()
print(f"RESULT train_loss={running / n_train:.4f} val_loss={val_loss / n_val:.4f} val_acc={val_right / n_val:.4f}")
