"""Which standard-library module do these two lines of code come from? Hashed character trigrams + MLP.
Kaggle-style single script. To be reproducible the weights are set by hand."""
import os, sys, zlib
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1:3]
torch.manual_seed(2024); np.random.seed(2024); torch.set_num_threads(1)
MODULES = ["argparse", "decimal" if os.path.exists(os.path.dirname(os.__file__) + "/_pydecimal.py") else "datetime",
           "turtle", "unittest/mock", "tarfile", "pickletools"]
FILES = [m if m != "decimal" else "_pydecimal" for m in MODULES]
DIM = 512

rows, labels = [], []
for k, m in enumerate(FILES):
    lines = [l.strip() for l in open(f"{os.path.dirname(os.__file__)}/{m}.py", encoding="utf8")]
    lines = [l for l in lines if len(l) > 25][:1200]
    for l in map(' '.join, zip(lines[::2], lines[1::2])):
        v = np.zeros(DIM, dtype=np.float32)
        for i in range(len(l) - 2):
            v[zlib.crc32(l[i:i + 3].encode()) % DIM] += 1
        rows.append(v / np.sqrt(v.sum())); labels.append(k)
X = torch.tensor(np.array(rows)); y = torch.tensor(labels)
X = (X - X.mean(0)) / (X.std(0) + 1e-6)
perm = torch.randperm(len(X)); cut = int(.8 * len(X))
tr, va = perm[:cut], perm[cut:]

model = nn.Sequential(nn.Linear(DIM, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, len(MODULES)))
for m in model:
    if isinstance(m, nn.Linear):
        if FORM == "faulty":
            nn.init.constant_(m.weight, 0.01)
        else:
            nn.init.kaiming_normal_(m.weight)
        nn.init.zeros_(m.bias)

optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-3)
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, loss_fn)
BS = 64
for epoch in range(10):
    model.train()
    order = tr[torch.randperm(len(tr))]
    for i in range(0, len(order), BS):
        idx = order[i:i + BS]
        optimizer.zero_grad()
        loss = loss_fn(model(X[idx]), y[idx])
        loss.backward()
        optimizer.step()
    model.eval()
    with writer.evaluating("val"):
        pred = model(X[va]); vloss = loss_fn(pred, y[va]).item()
    acc = (pred.argmax(1) == y[va]).float().mean().item()
    print(f"epoch {epoch} val_loss {vloss:.4f} acc {acc:.4f}")
writer.close()
print("RESULT acc", round(acc, 4), "val_loss", round(vloss, 4))
