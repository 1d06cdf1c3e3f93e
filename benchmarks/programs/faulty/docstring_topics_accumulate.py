"""Which standard library package is this docstring from?  Small TextCNN, trainer class with
gradient accumulation (our fine-tuning trainer cut down to one file)."""
import sys
import re
import random
import inspect
import importlib
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
random.seed(0)
ZERO_GRAD = sys.argv[1] != "faulty"
GROUPS = [["os", "pathlib", "shutil", "posixpath", "tempfile", "glob", "zipfile", "tarfile"],
          ["email.message", "http.client", "http.server", "urllib.request", "smtplib", "imaplib", "ftplib", "socketserver",
           "http.cookiejar", "socket", "ssl", "asyncio.base_events", "asyncio.streams"],
          ["statistics", "decimal", "fractions", "random", "_pydecimal", "numbers"],
          ["tkinter", "turtle", "tkinter.ttk", "curses"],
          ["unittest.case", "unittest.mock", "doctest", "pdb", "trace", "logging", "logging.handlers"]]


def docs(module):
    out, seen = [], set()
    m = importlib.import_module(module)
    for name, o in vars(m).items():
        objs = [o] + (list(vars(o).values()) if inspect.isclass(o) else [])
        for q in objs:
            d = getattr(q, "__doc__", None)
            if isinstance(d, str) and len(d) > 25 and d not in seen:
                seen.add(d)
                out.append(d)
    return out


rows = []
for label, mods in enumerate(GROUPS):
    mine = set()
    for mod in mods:
        try:
            mine.update(docs(mod))
        except ImportError:
            pass
    for d in sorted(mine):
        w = re.findall(r"[a-z]+|[0-9]", d.lower())
        for s in range(0, max(1, len(w) - 12), 20):           # pieces of 24 words
            if len(w[s:s + 24]) >= 6:
                rows.append((w[s:s + 24], label))
random.shuffle(rows)
by = {}
for r in rows:
    by.setdefault(r[1], []).append(r)
rows = [r for g in by.values() for r in g[:900]]
random.shuffle(rows)
n_val = len(rows) // 5
val, train = rows[:n_val], rows[n_val:]
from collections import Counter
freq = Counter(w for r in train for w in r[0])
vocab = {w: i + 2 for i, (w, c) in enumerate(freq.most_common(1500))}


def encode(rs):
    x = torch.zeros(len(rs), 24, dtype=torch.long)
    for i, (w, *_) in enumerate(rs):
        for j, t in enumerate(w):
            x[i, j] = vocab.get(t, 1)
    return x, torch.tensor([r[1] for r in rs])


class TextCNN(nn.Module):
    def __init__(self, d=32, filters=48):
        super().__init__()
        self.tok = nn.Embedding(len(vocab) + 2, d, padding_idx=0)
        nn.init.normal_(self.tok.weight, 0, 0.3)
        self.conv = nn.Conv1d(d, filters, 3, padding=1)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(filters, len(GROUPS))

    def forward(self, x):
        h = self.drop(self.tok(x)).transpose(1, 2)
        h = torch.relu(self.conv(h)).amax(2)
        return self.head(self.drop(h))


class Trainer:
    def __init__(self, model, lr, accumulate, epochs, logdir):
        self.model, self.accumulate, self.epochs = model, accumulate, epochs
        self.optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=1e-4)
        self.loss = nn.CrossEntropyLoss()
        self.writer = DiagWriter(logdir)
        self.writer.watch(model, self.optimizer, self.loss)

    def optimizer_step(self):
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        if ZERO_GRAD:
            self.optimizer.zero_grad()

    def run(self, train, val):
        (x, y), (vx, vy) = encode(train), encode(val)
        for epoch in range(self.epochs):
            self.model.train()
            total, perm = 0.0, torch.randperm(len(x)).split(16)
            for k, b in enumerate(perm):
                loss = self.loss(self.model(x[b]), y[b])
                (loss / self.accumulate).backward()
                total += loss.item()
                if (k + 1) % self.accumulate == 0:
                    self.optimizer_step()
            self.model.eval()
            with self.writer.evaluating("val"), torch.no_grad():
                o = self.model(vx)
                vl, acc = self.loss(o, vy).item(), (o.argmax(1) == vy).float().mean().item()
            print(f"[{epoch}] train {total / len(perm):.3f} val {vl:.3f} acc {acc:.3f}")
        self.writer.close()
        return total / len(perm), vl, acc


print(len(train), "train", len(val), "val", Counter(r[1] for r in rows))
tr, vl, acc = Trainer(TextCNN(), 0.1, 2, 28, sys.argv[2]).run(train, val)
print(f"RESULT train_loss={tr:.4f} val_loss={vl:.4f} val_acc={acc:.4f}")
