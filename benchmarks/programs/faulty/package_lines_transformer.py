"""Which standard-library package does a line of code come from?  A small transformer encoder
over characters.   usage: python package_lines_transformer.py faulty|fixed LOGDIR"""
import glob
import math
import os
import random
import sys
import sysconfig

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(11)
random.seed(11)

form, logdir = sys.argv[1], sys.argv[2]
LEARNING_RATE = 3e-2 if form == "faulty" else 3e-3
EPOCHS = 8
BATCH = 64
MAXLEN = 32

root = sysconfig.get_paths()["stdlib"]
packages = ["asyncio", "email", "tkinter", "unittest"]
rows = []
for k, p in enumerate(packages):
    lines = set()
    for f in sorted(glob.glob(os.path.join(root, p, "**", "*.py"), recursive=True)):
        for line in open(f, encoding="utf8", errors="ignore"):
            line = line.strip()
            if len(line) > 20 and not line.startswith("#"):
                lines.add(line[:MAXLEN])
    lines = sorted(lines)
    random.shuffle(lines)
    rows += [(l, k) for l in lines[:1800]]
random.shuffle(rows)
chars = sorted({c for l, _ in rows for c in l})
stoi = {c: i + 1 for i, c in enumerate(chars)}
X = torch.zeros(len(rows), MAXLEN, dtype=torch.long)
for i, (l, _) in enumerate(rows):
    X[i, :len(l)] = torch.tensor([stoi[c] for c in l])
Y = torch.tensor([k for _, k in rows])
n_val = len(rows) // 5
train_ds = TensorDataset(X[n_val:], Y[n_val:])
val_ds = TensorDataset(X[:n_val], Y[:n_val])
print(len(train_ds), "train lines", len(val_ds), "val lines", len(chars), "characters")


class LineEncoder(nn.Module):
    def __init__(self, vocab, d=32, heads=4, layers=2, classes=4):
        super().__init__()
        self.emb = nn.Embedding(vocab, d, padding_idx=0)
        pos = torch.arange(MAXLEN).unsqueeze(1)
        div = torch.exp(torch.arange(0, d, 2) * (-math.log(10000.0) / d))
        pe = torch.zeros(MAXLEN, d)
        pe[:, 0::2] = torch.sin(pos * div)
        pe[:, 1::2] = torch.cos(pos * div)
        self.register_buffer("pe", pe)
        self.conv = nn.Conv1d(d, d, 5, padding=2)
        layer = nn.TransformerEncoderLayer(d, heads, 64, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.fc = nn.Linear(d, classes)

    def forward(self, x):
        pad = x == 0
        h = self.emb(x) + self.pe
        h = h + torch.relu(self.conv(h.transpose(1, 2)).transpose(1, 2))
        h = self.encoder(h, src_key_padding_mask=pad)
        keep = (~pad).unsqueeze(-1).float()
        return self.fc((h * keep).sum(1) / keep.sum(1))


model = LineEncoder(len(chars) + 1)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
train_loader = DataLoader(train_ds, batch_size=BATCH, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=256)

writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(EPOCHS):
    model.train()
    running = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        running += loss.item()
    correct = total = 0
    with writer.evaluating("val"):
        for x, y in val_loader:
            out = model(x)
            criterion(out, y)
            correct += (out.argmax(1) == y).sum().item()
            total += len(y)
    print(f"epoch {epoch + 1:2d} train loss {running / len(train_loader):.4f}  val acc {correct / total:.3f}")
writer.close()
print("RESULT val_accuracy", round(correct / total, 4))
