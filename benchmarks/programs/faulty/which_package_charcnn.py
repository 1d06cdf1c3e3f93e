"""Guess from one line of source which standard-library package it comes from (char CNN).
Data: real lines of Python's own library files."""
import glob, os, random, sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

MODE, LOGDIR = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(4); random.seed(4); np.random.seed(4)

LIB = os.path.dirname(os.__file__)
PACKAGES = ["asyncio", "email", "json", "unittest", "xml", "multiprocessing"]
MAXLEN, PER_CLASS = 60, 1000

def read_lines(pkg):
    lines = set()
    for f in sorted(glob.glob(f"{LIB}/{pkg}/**/*.py", recursive=True)):
        if "/test" in f:
            continue
        for l in open(f, encoding="utf8", errors="ignore"):
            l = l.strip()
            if len(l) > 25 and not l.startswith("#"):
                lines.add(l)
    lines = sorted(lines)
    random.shuffle(lines)
    return lines[:PER_CLASS]

def encode(s):
    v = [min(ord(c), 127) for c in s[:MAXLEN]]
    return v + [0] * (MAXLEN - len(v))

train_x, train_y, val_x, val_y = [], [], [], []
for k, pkg in enumerate(PACKAGES):
    lines = [encode(l) for l in read_lines(pkg)]
    cut = int(0.8 * len(lines))
    train_x += lines[:cut]; train_y += [k] * cut
    val_x += lines[cut:]; val_y += [k] * (len(lines) - cut)

train_ds = TensorDataset(torch.tensor(train_x), torch.tensor(train_y))
val_ds = TensorDataset(torch.tensor(val_x), torch.tensor(val_y))
train_loader = DataLoader(train_ds, batch_size=32, shuffle=(MODE == "fixed"))
val_loader = DataLoader(val_ds, batch_size=256)
print(len(train_ds), "train lines", len(val_ds), "val lines")

class CharCNN(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.emb = nn.Embedding(128, 32, padding_idx=0)
        self.convs = nn.ModuleList([nn.Conv1d(32, 64, k) for k in (3, 5)])
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(128, n)
    def forward(self, x):
        e = self.emb(x).transpose(1, 2)
        h = torch.cat([F.relu(c(e)).amax(2) for c in self.convs], 1)
        return self.out(self.drop(h))

model = CharCNN(len(PACKAGES))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, criterion)

for epoch in range(12):
    model.train()
    run = 0.
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        run += loss.item()
    model.eval()
    good = n = 0
    with writer.evaluating("val"):
        for x, y in val_loader:
            out = model(x)
            criterion(out, y)
            good += (out.argmax(1) == y).sum().item(); n += len(y)
    print(f"epoch {epoch} loss {run/len(train_loader):.3f} val acc {good/n:.3f}")
writer.close()
print("RESULT val_acc", round(good / n, 4), "chance", round(1 / len(PACKAGES), 3))
