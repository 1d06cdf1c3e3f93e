"""Ultrasonic weld inspection: is there a flaw echo in the A-scan?  (simulated A-scans, 4 % of the welds flawed, as in our plant)

python weld_echo_conv.py faulty|fixed LOGDIR
"""
import sys

import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import balanced_accuracy_score, f1_score
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
np.random.seed(8)
torch.manual_seed(8)
torch.set_num_threads(1)


def make_scans(n, share):
    y = (np.random.rand(n) < share).astype(np.int64)
    t = np.arange(160)
    x = np.random.randn(n, 160) * 0.4
    x += 2.0 * np.exp(-((t - 12) / 4.0) ** 2) * np.sin(t * 0.9)
    for i in range(n):
        back = 130 + np.random.randint(-6, 7)
        x[i] += 1.2 * np.exp(-((t - back) / 4.0) ** 2) * np.sin((t - back) * 0.9)
        for _ in range(np.random.poisson(0.8)):          # grain noise, also in sound welds
            c = np.random.randint(30, 115)
            x[i] += np.random.uniform(0.2, 0.6) * np.exp(-((t - c) / 3.0) ** 2) * np.sin((t - c) * 0.9)
        if y[i]:
            c = np.random.randint(35, 110)
            x[i] += np.random.uniform(1.1, 2.0) * np.exp(-((t - c) / 5.0) ** 2) * np.sin((t - c) * 0.9)
    return torch.tensor(x, dtype=torch.float32).unsqueeze(1), torch.tensor(y)


x_train, y_train = make_scans(6000, 0.04)
x_val, y_val = make_scans(2000, 0.04)
train_ds = TensorDataset(x_train, y_train)
if form == "fixed":
    freq = torch.bincount(y_train).float()
    sampler = WeightedRandomSampler((1.0 / freq)[y_train], len(y_train), replacement=True)
else:
    sampler = None
train_loader = DataLoader(train_ds, batch_size=64, sampler=sampler, shuffle=sampler is None)
val_loader = DataLoader(TensorDataset(x_val, y_val), batch_size=500)


def block(i, o):
    return nn.Sequential(nn.Conv1d(i, o, 7, padding=3), nn.ReLU(), nn.MaxPool1d(2))


net = nn.Sequential(block(1, 8), block(8, 16), nn.Conv1d(16, 16, 5, padding=2), nn.ReLU(),
                    nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(16, 2))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
writer = DiagWriter(logdir)
writer.watch(net, optimizer, criterion)

for epoch in range(9):
    net.train()
    tot = 0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
        tot += loss.item()
    net.eval()
    pred = []
    with writer.evaluating("val"):
        for x, y in val_loader:
            out = net(x)
            criterion(out, y)
            pred.append(out.argmax(1))
    pred = torch.cat(pred)
    acc = (pred == y_val).float().mean().item()
    bal = balanced_accuracy_score(y_val, pred)
    writer.add_scalar("val/accuracy", acc, epoch)
    writer.add_scalar("val/balanced_accuracy", bal, epoch)
    print(f"[{epoch}] loss {tot / len(train_loader):.4f} acc {acc:.4f} balanced {bal:.4f}")

writer.close()
print("RESULT balanced_acc", round(bal, 4), "f1", round(f1_score(y_val, pred, zero_division=0), 4), "acc", round(acc, 4))
