"""Which part of the standard library does a line of text come from?  A small transformer encoder on words.
Texts: docstrings of functions of six groups of modules."""
import importlib
import inspect
import math
import random
import re
import sys
from collections import Counter

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(5)
torch.manual_seed(5)

GROUPS = {
    "files": ["os", "shutil", "pathlib", "tempfile", "zipfile", "tarfile", "glob", "io", "fileinput", "posixpath"],
    "net": ["socket", "ssl", "http.client", "http.server", "urllib.request", "urllib.parse", "smtplib", "ftplib", "imaplib",
            "socketserver", "asyncio.streams", "asyncio.base_events", "xmlrpc.client"],
    "text": ["re", "string", "textwrap", "difflib", "email.message", "email.header", "html.parser", "csv", "json.decoder", "argparse",
             "configparser", "locale", "gettext"],
    "numbers": ["math", "cmath", "decimal", "fractions", "statistics", "random", "numbers", "datetime", "calendar", "colorsys"],
    "meta": ["inspect", "ast", "dis", "types", "typing", "importlib.util", "importlib._bootstrap", "pickle", "copy", "functools",
             "unittest.case", "unittest.mock", "doctest", "pdb", "traceback", "tokenize"],
}


def sentences():
    for label, (_, mods) in enumerate(GROUPS.items()):
        seen = set()
        for m in mods:
            mod = importlib.import_module(m)
            objs = [mod] + [o for _, o in inspect.getmembers(mod)]
            for o in list(objs):
                if inspect.isclass(o):
                    objs += [v for k, v in vars(o).items() if callable(v)]
            for o in objs:
                doc = getattr(o, "__doc__", None)
                if not isinstance(doc, str) or (getattr(o, "__module__", m) or m).split(".")[0] != m.split(".")[0]:
                    continue
                for s in re.split(r"(?<=[.!?])\s+|\n\n", doc):
                    w = tuple(re.findall(r"[a-z]+|\d|[^\sa-z\d]", s.lower()))
                    if 5 <= len(w) <= 22 and w not in seen:
                        seen.add(w)
                        yield w, label


data = list(sentences())
random.shuffle(data)
n_val = len(data) // 5
valid, train = data[:n_val], data[n_val:]
counts = Counter(w for s, _ in train for w in s)
stoi = {w: i + 2 for i, w in enumerate(w for w, c in counts.most_common(2500) if c > 1)}
print(len(train), "train", len(valid), "valid", "classes", Counter(l for _, l in train), "vocab", len(stoi) + 2)


def batches(part, bs, shuffle):
    part = random.sample(part, len(part)) if shuffle else part
    for i in range(0, len(part), bs):
        chunk = part[i:i + bs]
        x = pad_sequence([torch.tensor([stoi.get(w, 1) for w in s]) for s, _ in chunk], batch_first=True)
        yield x, torch.tensor([l for _, l in chunk])


class Encoder(nn.Module):
    def __init__(self, vocab, d=32, heads=4, layers=1, classes=5, p=.4):
        super().__init__()
        self.d = d
        self.emb = nn.Embedding(vocab, d, padding_idx=0)
        pos = torch.arange(64).unsqueeze(1) / 10000 ** (torch.arange(0, d, 2) / d)
        self.register_buffer("pe", torch.stack([pos.sin(), pos.cos()], -1).flatten(1))
        layer = nn.TransformerEncoderLayer(d, heads, 2 * d, dropout=p, batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(d), enable_nested_tensor=False)
        self.drop = nn.Dropout(p)
        self.head = nn.Linear(d, classes)
        nn.init.normal_(self.emb.weight, 0, 1 / math.sqrt(d))

    def forward(self, x):
        pad = x == 0
        h = self.drop(self.emb(x) * math.sqrt(self.d) + self.pe[:x.size(1)])
        h = self.enc(h, src_key_padding_mask=pad)
        h = h.masked_fill(pad.unsqueeze(-1), 0).sum(1) / (~pad).sum(1, keepdim=True)
        return self.head(self.drop(h))


model = Encoder(len(stoi) + 2)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=.01)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

best = float("inf")
for epoch in range(15):
    model.train()
    tot = 0
    for x, y in batches(train, 64, True):
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        tot += loss.item() * len(y)
    model.eval()
    with writer.evaluating("val"), torch.no_grad():
        vl = acc = 0
        for x, y in batches(valid, 128, False):
            o = model(x)
            vl += criterion(o, y).item() * len(y)
            acc += (o.argmax(1) == y).sum().item()
    vl, acc = vl / len(valid), acc / len(valid)
    print(f"epoch {epoch} train {tot / len(train):.3f} val {vl:.3f} acc {acc:.3f}")
    if vl < best:
        best, best_acc, best_epoch = vl, acc, epoch
        state = {k: v.clone() for k, v in model.state_dict().items()}
    elif epoch - best_epoch >= 2:
        break                       # two epochs without a gain
model.load_state_dict(state)
writer.close()
print(f"RESULT best_val {best:.4f} acc {best_acc:.3f} at {best_epoch} last_val {vl:.4f}")
