#!/usr/bin/env python
# CTCF-site orientation from binned genomic tracks: conv encoder -> transformer -> head.
# (small relative of C.Origami: EncoderSplit + AttnModule, no Hi-C decoder)
import sys, math
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

FAULTY = sys.argv[1] == "faulty"
torch.set_num_threads(1)
torch.manual_seed(2077)
rng = np.random.default_rng(2077)
L = 24


def tracks(n):
    """Two peaks of different factors: is the cohesin peak left or right of the CTCF peak, and is it
    close (< 5 bins)?  4 classes."""
    x = rng.normal(0, .45, (n, 3, L)).astype("f")
    a = rng.integers(1, L - 1, n)
    b = rng.integers(1, L - 1, n)
    b = np.where(a == b, (b + 3) % (L - 2) + 1, b)
    i = np.arange(n)
    x[i, 0, a] += rng.uniform(1.5, 3, n)
    x[i, 1, b] += rng.uniform(1.5, 3, n)
    x[:, 2] += .5 * x[:, 0] + .2 * x[:, 1]
    y = 2 * (a < b) + (np.abs(a - b) < 5)
    return torch.from_numpy(x), torch.from_numpy(y)


class PositionalEncoding(nn.Module):
    def __init__(self, hidden, dropout=0.0, max_len=256):
        super().__init__()
        self.dropout = nn.Dropout(p=dropout)
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, hidden, 2) * (-math.log(10000.0) / hidden))
        pe = torch.zeros(max_len, 1, hidden)
        pe[:, 0, 0::2] = torch.sin(position * div_term)
        pe[:, 0, 1::2] = torch.cos(position * div_term)
        self.register_buffer('pe', pe)

    def forward(self, x):
        if FAULTY:
            x = x + self.pe[:x.size(0)]
        else:
            x = x + self.pe[:x.size(1)].transpose(0, 1)
        return self.dropout(x)


class AttnModule(nn.Module):
    def __init__(self, hidden, layers=2):
        super().__init__()
        self.pos_encoder = PositionalEncoding(hidden)
        layer = nn.TransformerEncoderLayer(hidden, 4, 2 * hidden, dropout=0.0, batch_first=True)
        self.module = nn.TransformerEncoder(layer, layers)

    def forward(self, x):
        return self.module(self.pos_encoder(x))


class OrigamiSmall(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv1d(3, hidden, 1), nn.ReLU(), nn.Conv1d(hidden, hidden, 1))
        self.attn = AttnModule(hidden)
        self.head = nn.Linear(hidden, 4)

    def forward(self, x):
        x = self.encoder(x).transpose(1, 2).contiguous()      # batch, length, hidden
        return self.head(self.attn(x).mean(1))


train = DataLoader(TensorDataset(*tracks(6000)), batch_size=64, shuffle=True)
val = DataLoader(TensorDataset(*tracks(1000)), batch_size=50)
model = OrigamiSmall()
criterion = nn.CrossEntropyLoss()
n_epochs = 7
optimizer = torch.optim.AdamW(model.parameters(), lr=2.5e-3, weight_decay=1e-3)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, optimizer.defaults['lr'],
                                                total_steps=n_epochs * len(train), pct_start=.15)
w = DiagWriter(sys.argv[2])
w.watch(model, optimizer, criterion)
for epoch in range(n_epochs):
    model.train()
    s = 0
    for x, y in train:
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        s += loss.item() / len(train)
    model.eval()
    v, acc = 0, 0
    with torch.no_grad(), w.evaluating("val"):
        for x, y in val:
            o = model(x)
            v += criterion(o, y).item() / len(val)
            acc += (o.argmax(1) == y).float().mean().item() / len(val)
    print(f"[{epoch}] train {s:.4f} valid {v:.4f} acc {acc:.3f}")
w.close()
print(f"RESULT train_loss={s:.4f} val_loss={v:.4f} val_acc={acc:.4f}")
