"""Sentence classifier, Keras style: padded token ids -> Embedding -> Conv1D(128, 5) -> global max -> dense stack -> sigmoid.
Sentences come from the standard library's docstrings: is it out of a network/protocol module or not?"""
import sys
import re
import ast
import random
import sysconfig
from collections import Counter
from pathlib import Path
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1:]
random.seed(8)
torch.manual_seed(8)
torch.set_num_threads(1)
STD = Path(sysconfig.get_paths()["stdlib"])
NET = "http/client.py http/cookiejar.py http/server.py urllib/request.py urllib/parse.py smtplib.py ftplib.py imaplib.py poplib.py socket.py socketserver.py ssl.py xmlrpc/client.py xmlrpc/server.py email/message.py email/header.py nntplib.py telnetlib.py asyncio/streams.py asyncio/base_events.py selectors.py".split()
OTHER = "argparse.py collections/__init__.py functools.py pathlib.py shutil.py statistics.py random.py fractions.py decimal.py _pydecimal.py difflib.py heapq.py textwrap.py tokenize.py ast.py inspect.py unittest/case.py unittest/mock.py doctest.py pdb.py turtle.py calendar.py datetime.py _pydatetime.py zipfile.py tarfile.py csv.py json/encoder.py json/decoder.py logging/__init__.py optparse.py pickle.py".split()


def sentences(files):
    out = []
    for f in files:
        p = STD / f
        if not p.exists():
            continue
        for node in ast.walk(ast.parse(p.read_text(encoding="utf-8", errors="ignore"))):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module, ast.AsyncFunctionDef)):
                for s in re.split(r"(?<=[.!?])\s+|\n\n", ast.get_docstring(node) or ""):
                    w = re.findall(r"[a-z]+", s.lower())
                    if 5 <= len(w) <= 60:
                        out.append(w)
    random.shuffle(out)
    return out


pos, neg = sentences(NET), sentences(OTHER)
n = min(len(pos), len(neg), 1200)
data = [(s, 1.0) for s in pos[:n]] + [(s, 0.0) for s in neg[:n]]
random.shuffle(data)
cut = int(.6 * len(data))
train, val = data[:cut], data[cut:]
vocab = {w: i + 1 for i, (w, _) in enumerate(Counter(w for s, _ in train for w in s).most_common(5000))}
max_features, maxlen, embedding_dims = len(vocab) + 1, 40, 50


def pad(rows):
    x = torch.zeros(len(rows), maxlen, dtype=torch.long)
    for i, (s, _) in enumerate(rows):
        ids = [vocab.get(w, 0) for w in s][:maxlen]
        x[i, :len(ids)] = torch.tensor(ids)
    return TensorDataset(x, torch.tensor([l for _, l in rows])[:, None])


class Big(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(max_features, embedding_dims)
        nn.init.uniform_(self.emb.weight, -0.05, 0.05)
        self.conv = nn.Conv1d(embedding_dims, 128, 5)
        self.dense = nn.Sequential(nn.Linear(128, 50), nn.ReLU(), nn.Linear(50, 50), nn.ReLU(), nn.Linear(50, 25), nn.ReLU(),
                                   nn.Linear(25, 1), nn.Sigmoid())

    def forward(self, x):
        h = F.relu(self.conv(self.emb(x).transpose(1, 2))).amax(2)
        return self.dense(h)


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(max_features, embedding_dims)
        nn.init.uniform_(self.emb.weight, -0.05, 0.05)
        self.drop_e = nn.Dropout(0.5)
        self.conv = nn.Conv1d(embedding_dims, 32, 5)
        self.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(32, 1), nn.Sigmoid())

    def forward(self, x):
        h = F.relu(self.conv(self.drop_e(self.emb(x)).transpose(1, 2))).amax(2)
        return self.head(h)


model = Big() if FORM == "faulty" else Small()
decay = 0.0 if FORM == "faulty" else 5e-4
opt = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=decay)
bce = nn.BCELoss()
w = DiagWriter(LOGDIR)
w.watch(model, opt, bce)
tl, vl = DataLoader(pad(train), 32, shuffle=True), DataLoader(pad(val), 200)
print(len(train), "train", len(val), "val", max_features, "words")
for epoch in range(20):
    model.train()
    a = b = 0
    for x, y in tl:
        opt.zero_grad()
        o = model(x)
        l = bce(o, y)
        l.backward()
        opt.step()
        a += l.item() * len(y)
        b += ((o > .5) == (y > .5)).sum().item()
    c = d = 0
    with w.evaluating("val"):
        for x, y in vl:
            o = model(x)
            c += bce(o, y).item() * len(y)
            d += ((o > .5) == (y > .5)).sum().item()
    w.add_scalar("loss", a / len(train), epoch)
    w.add_scalar("val_loss", c / len(val), epoch)
    print(f"Epoch {epoch + 1}/20 loss: {a / len(train):.4f} acc: {b / len(train):.4f} val_loss: {c / len(val):.4f} val_acc: {d / len(val):.4f}")
w.close()
print(f"RESULT val_loss {c / len(val):.4f} val_accuracy {d / len(val):.4f}")
