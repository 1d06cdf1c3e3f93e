"""
Is a public name of the standard library a class or a function?  (all names are lower-cased first,
so the capital letter does not give it away)     python api_name_kind_mlp.py faulty|fixed LOGDIR
"""
import ast
import random
import sys
import sysconfig
import zlib
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(0)
torch.manual_seed(0)
MODE, LOGDIR = sys.argv[1], sys.argv[2]

classes, functions = set(), set()
for path in sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*.py")):
    if "site-packages" in path.parts or "test" in path.parts or "tests" in path.parts:
        continue
    try:
        tree = ast.parse(path.read_text(encoding="utf8", errors="ignore"))
    except (SyntaxError, ValueError):
        continue
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            classes.add(node.name.lower().replace("_", ""))
        elif isinstance(node, ast.FunctionDef):
            functions.add(node.name.lower().replace("_", ""))
both = classes & functions
classes, functions = sorted(classes - both), sorted(functions - both)
functions = random.sample(functions, min(len(classes), len(functions)))
classes = random.sample(classes, len(functions))
data = [(n, 1) for n in classes] + [(n, 0) for n in functions]
random.shuffle(data)
print(len(data), "names", data[:5])

DIM = 1024


def encode(name):
    v = torch.zeros(DIM)
    if MODE == "faulty":
        # feature hashing: one bucket for the name
        v[zlib.crc32(name.encode()) % DIM] = 1.0
    else:
        padded = "^" + name + "$"
        for n in (2, 3):
            for i in range(len(padded) - n + 1):
                v[zlib.crc32(padded[i:i + n].encode()) % DIM] += 1.0
    return v


X = torch.stack([encode(n) for n, _ in data])
y = torch.tensor([k for _, k in data])
n_val = len(data) // 5
Xv, yv, Xt, yt = X[:n_val], y[:n_val], X[n_val:], y[n_val:]


class KindNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(DIM, 32)
        self.drop = nn.Dropout(0.4)
        self.fc2 = nn.Linear(32, 2)

    def forward(self, x):
        return self.fc2(self.drop(F.relu(self.fc1(x))))


model = KindNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=7e-4, weight_decay=0.05)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, loss_fn)
BS = 64
for epoch in range(8):
    model.train()
    perm = torch.randperm(len(Xt))
    for i in range(0, len(perm) - BS + 1, BS):
        idx = perm[i:i + BS]
        optimizer.zero_grad()
        loss = loss_fn(model(Xt[idx]), yt[idx])
        loss.backward()
        optimizer.step()
    hits, vloss, nb = 0, 0.0, 0
    with writer.evaluating("val"):
        for i in range(0, n_val, 256):
            out = model(Xv[i:i + 256])
            vloss += loss_fn(out, yv[i:i + 256]).item()
            nb += 1
            hits += (out.argmax(1) == yv[i:i + 256]).sum().item()
    print(f"epoch {epoch}: last train loss {loss.item():.3f}  val loss {vloss / nb:.3f}  val acc {hits / n_val:.3f}")
writer.close()
print(f"RESULT val_loss {vloss / nb:.3f} val_acc {hits / n_val:.3f}")
