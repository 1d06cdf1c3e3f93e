"""Spoken words: loss is nan since torch.log(t) was added to forward (PyTorch forum question, port)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(4)

WORDS = {0: [(300, 2200), (600, 1000)], 1: [(600, 1000), (300, 2200)], 2: [(450, 1700), (450, 1700)],
         3: [(700, 1300), (300, 800)], 4: [(300, 800), (700, 1300)], 5: [(350, 1900), (650, 1100)]}


def speak(n, seed, sr=8000, dur=0.5):
    rng = np.random.RandomState(seed)
    t = np.arange(int(sr * dur)) / sr
    x, y = np.zeros((n, len(t)), np.float32), rng.randint(0, 6, n)
    for i, k in enumerate(y):
        start, length = rng.uniform(0, .12), rng.uniform(.28, .36)
        pitch, speaker = rng.uniform(90, 220), rng.uniform(.92, 1.08)
        for j, (f1, f2) in enumerate(WORDS[k]):
            a, b = start + j * length / 2, start + (j + 1) * length / 2
            win = ((t >= a) & (t < b)) * np.sin(np.pi * np.clip((t - a) / (b - a), 0, 1))
            src = sum(np.sin(2 * np.pi * h * pitch * t) *
                      (np.exp(-((h * pitch - f1 * speaker) / 120) ** 2) + .7 * np.exp(-((h * pitch - f2 * speaker) / 160) ** 2))
                      for h in range(1, 15))
            x[i] += win * src
        x[i] += (np.abs(x[i]) > 0) * 0.02 * rng.randn(len(t))      # clips are zero outside the word (trimmed, padded)
        x[i] /= np.abs(x[i]).max() + 1e-9
    return torch.tensor(x), torch.tensor(y)


class Net(nn.Module):
    def __init__(self, n_classes=6):
        super().__init__()
        self.fb = nn.Conv1d(1, 32, 128, stride=32, bias=False)      # learnt filterbank
        self.pool = nn.AvgPool1d(4)
        self.gru = nn.GRU(32, 48, batch_first=True)
        self.norm = nn.LayerNorm(32)
        self.out = nn.Linear(48, n_classes)

    def forward(self, wav):
        t = self.fb(wav.unsqueeze(1)) ** 2
        t = self.pool(t)
        if mode == "fixed":
            eps = 1e-7
            t = F.relu(t)
            t = torch.log(t + eps)
        else:
            t = torch.log(t)
        t = self.norm(t.transpose(1, 2))
        h, _ = self.gru(t)
        return self.out(h[:, -1])


train_dl = DataLoader(TensorDataset(*speak(900, 0)), batch_size=32, shuffle=True)
valid_dl = DataLoader(TensorDataset(*speak(240, 1)), batch_size=60)
net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
loss_func = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(net, optimizer, loss_func)

for epoch in range(20):
    net.train()
    losses = []
    for xb, yb in train_dl:
        loss = loss_func(net(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    net.eval()
    with torch.no_grad():
        vl = np.mean([loss_func(net(xb), yb).item() for xb, yb in valid_dl])
        acc = np.mean([(net(xb).argmax(1) == yb).float().mean().item() for xb, yb in valid_dl])
    print(f"{epoch:2d} train {np.mean(losses):.4f} valid {vl:.4f} acc {acc:.3f}")
writer.close()
