"""fastText-like classifier: to which part of the standard library does a line of documentation or code belong?  (real text: asyncio, email, idlelib, unittest, http, json+xml)"""
import glob
import os
import sys
import zlib

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(10)
rng = np.random.default_rng(10)
LIB = os.path.dirname(os.__file__)
TOPICS = ["asyncio", "email", "idlelib", "unittest", "http", "xml"]
BUCKETS = 8192


def chunks(pkg):
    out = []
    for path in sorted(glob.glob(os.path.join(LIB, pkg, "**", "*.py"), recursive=True)):
        if os.sep + "idle_test" in path:
            continue
        lines = [l.strip() for l in open(path, encoding="utf8", errors="ignore") if len(l.strip()) > 8]
        out += [" ".join(lines[i:i + 2]) for i in range(0, len(lines) - 1, 2)]
    return sorted(set(out))


def features(text):
    text = "<" + text.lower()[:110] + ">"
    grams = [text[i:i + 4] for i in range(len(text) - 3)] + text.split()
    return [zlib.crc32(g.encode()) % BUCKETS for g in grams]


examples = [(features(c), k) for k, t in enumerate(TOPICS) for c in rng.permutation(chunks(t))[:1000]]
examples = [examples[i] for i in rng.permutation(len(examples))]
n_test = len(examples) // 5
test_set, val_set, train_set = examples[:n_test], examples[n_test:2 * n_test], examples[2 * n_test:]
print({t: sum(k == i for _, k in examples) for i, t in enumerate(TOPICS)}, len(train_set))


def collate(batch):
    flat, offsets, n = [], [], 0
    for f, _ in batch:
        offsets.append(n)
        flat += f
        n += len(f)
    return torch.tensor(flat), torch.tensor(offsets), torch.tensor([k for _, k in batch])


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(BUCKETS, 32, mode="mean")
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(32, len(TOPICS))
        nn.init.uniform_(self.bag.weight, -0.1, 0.1)

    def forward(self, ids, offsets):
        return self.fc(self.drop(self.bag(ids, offsets)))


train_loader = DataLoader(train_set, batch_size=64, shuffle=True, collate_fn=collate)
val_loader = DataLoader(val_set, batch_size=256, collate_fn=collate)
test_loader = DataLoader(test_set, batch_size=256, collate_fn=collate)
model = Classifier()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)


def evaluate(loader, split):
    loss = right = n = 0
    with writer.evaluating(split):
        for ids, off, y in loader:
            o = model(ids, off)
            loss += criterion(o, y).item() * len(y)
            right += (o.argmax(1) == y).sum().item()
            n += len(y)
    return loss / n, right / n


vals = []
for epoch in range(8):
    model.train()
    for ids, off, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(ids, off), y)
        loss.backward()
        optimizer.step()
    v, a = evaluate(val_loader, "val")
    vals.append(v)
    print(f"epoch {epoch + 1} val loss {v:.4f} acc {a:.4f}")
tl, ta = evaluate(test_loader, "test")
writer.close()
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
mat = lambda s: csr_matrix((np.concatenate([np.full(len(f), 1 / len(f)) for f, _ in s]), (np.concatenate([np.full(len(f), i) for i, (f, _) in enumerate(s)]), np.concatenate([f for f, _ in s]))), shape=(len(s), BUCKETS))
lr = LogisticRegression(C=1000, max_iter=500).fit(mat(train_set), [k for _, k in train_set])
from sklearn.metrics import log_loss
yt = [k for _, k in test_set]
print(f"RESULT test_acc {ta:.4f} logreg {lr.score(mat(test_set), yt):.4f} test_ce {tl:.4f} logreg_ce {log_loss(yt, lr.predict_proba(mat(test_set))):.4f} val_min {min(vals):.4f} val_last {vals[-1]:.4f}")
