"""Left vs. right hand motor imagery with a shallow ConvNet (braindecode style) on epochs taken from MNE."""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

faulty = sys.argv[1] == "faulty"
torch.set_num_threads(1)
torch.manual_seed(11)
rng = np.random.RandomState(11)
SFREQ, N_CH, N_T = 100, 8, 200


def simulate_epochs(n):
    """what mne.Epochs.get_data() hands back: (n, channels, times) in VOLTS"""
    t = np.arange(N_T) / SFREQ
    mix = np.random.RandomState(5)
    A = np.eye(N_CH) + 0.25 * mix.randn(N_CH, N_CH)
    y = rng.randint(0, 2, n)
    X = np.empty((n, N_CH, N_T))
    for i in range(n):
        s = np.cumsum(rng.randn(N_CH, N_T), 1)
        s -= s.mean(1, keepdims=True)
        s = s / s.std(1, keepdims=True) * 6 + 4 * rng.randn(N_CH, N_T)
        f = rng.uniform(9, 12)
        for ch, side in ((2, 0), (5, 1)):                        # C3 / C4: mu rhythm falls on the contralateral side
            amp = 7 * np.exp(0.3 * rng.randn()) * (0.45 if y[i] == side else 1.0)
            s[ch] += amp * np.sin(2 * np.pi * f * t + rng.uniform(0, 6.28))
        X[i] = A @ s
    return X * 1e-6, y


class Square(nn.Module):
    def forward(self, x):
        return x * x


class SafeLog(nn.Module):
    def forward(self, x):
        return torch.log(torch.clamp(x, min=1e-6))


class Ensure4d(nn.Module):
    def forward(self, x):
        return x[:, None]


def shallow_fbcsp(n_filters=12):
    return nn.Sequential(
        Ensure4d(),
        nn.Conv2d(1, n_filters, (1, 25)),
        nn.Conv2d(n_filters, n_filters, (N_CH, 1), bias=False),
        nn.BatchNorm2d(n_filters),
        Square(),
        nn.AvgPool2d((1, 75), stride=(1, 15)),
        SafeLog(),
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.LazyLinear(2),
    )


X, y = simulate_epochs(1400)
if not faulty:
    X = X * 1e6                                                   # V -> uV
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y)
train, valid = slice(0, 1000), slice(1000, 1400)
print("epochs", tuple(X.shape), "std", X[train].std().item())

model = shallow_fbcsp()
model(X[:2])
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)

for epoch in range(1, 26):
    model.train()
    tot = 0
    for b in torch.randperm(1000).split(32):
        optimizer.zero_grad()
        loss = loss_fn(model(X[train][b]), y[train][b])
        loss.backward()
        optimizer.step()
        tot += loss.item() * len(b)
    model.eval()
    with writer.evaluating("val"):
        with torch.no_grad():
            out = model(X[valid])
            vloss = loss_fn(out, y[valid]).item()
            acc = (out.argmax(1) == y[valid]).float().mean().item()
    print(f"epoch {epoch:2d}  train_loss {tot / 1000:.4f}  valid_loss {vloss:.4f}  valid_acc {acc:.3f}")
writer.close()
print(f"RESULT train_loss={tot / 1000:.4f} val_loss={vloss:.4f} val_acc={acc:.3f}")
