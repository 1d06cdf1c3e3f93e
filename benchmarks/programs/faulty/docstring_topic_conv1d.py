"""Three topics of text (docstrings of the standard library: networking / numbers and data / concurrency and files)
classified by an Embedding -> Conv1d x3 -> MaxPool -> Dropout -> Flatten -> Dense model, Keras fashion."""
import importlib
import inspect
import re
import sys
from collections import Counter
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

RUN, LOGDIR = sys.argv[1], sys.argv[2]
L2 = 0.0 if RUN == "fixed" else 0.1
MAXLEN, EMB, FILTERS, EPOCHS = 48, 48, 32, 12
torch.manual_seed(5)
torch.set_num_threads(1)

TOPICS = [
    "email.message email.header email.utils http.client http.cookiejar http.server smtplib imaplib ftplib poplib urllib.request "
    "urllib.parse socketserver socket ssl xmlrpc.client html.parser mailbox nntplib telnetlib ipaddress".split(),
    "decimal fractions statistics random math cmath numbers datetime calendar array collections heapq bisect itertools "
    "functools operator colorsys string textwrap difflib".split(),
    "threading multiprocessing.managers multiprocessing.pool concurrent.futures asyncio.events asyncio.tasks asyncio.locks "
    "asyncio.queues subprocess shutil pathlib os tempfile zipfile tarfile gzip queue sched signal selectors".split(),
]


def docs_of(name):
    try:
        mod = importlib.import_module(name)
    except Exception:
        return []
    found = [inspect.getdoc(mod) or ""]
    for _, obj in inspect.getmembers(mod):
        if str(getattr(obj, "__module__", "")).split(".")[0] != name.split(".")[0] and not inspect.isbuiltin(obj):
            continue
        found.append(inspect.getdoc(obj) or "")
        if inspect.isclass(obj):
            found += [inspect.getdoc(v) or "" for k, v in vars(obj).items() if callable(v) or isinstance(v, property)]
    return [d for d in found if len(d.split()) >= 8]


texts, labels = [], []
for topic, mods in enumerate(TOPICS):
    seen = sorted({d for m in mods for d in docs_of(m)})
    texts += seen
    labels += [topic] * len(seen)
tokens = [re.findall(r"[a-z]+", t.lower()) for t in texts]
vocab = {w: i + 2 for i, (w, c) in enumerate(sorted(Counter(w for t in tokens for w in t).items(), key=lambda k: (-k[1], k[0]))[:3000])}
ids = np.zeros((len(tokens), MAXLEN), dtype=np.int64)
for row, t in enumerate(tokens):
    t = [vocab.get(w, 1) for w in t][:MAXLEN]
    ids[row, :len(t)] = t
order = np.random.RandomState(0).permutation(len(ids))
x, y = torch.tensor(ids[order]), torch.tensor(np.array(labels)[order])
cut = int(0.8 * len(x))
print("documents", len(x), "per topic", np.bincount(labels))


class TextConv(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(3002, EMB)
        nn.init.uniform_(self.emb.weight, -0.05, 0.05)
        self.convs = nn.ModuleList([nn.Conv1d(EMB, FILTERS, 3, padding=1), nn.Conv1d(FILTERS, FILTERS, 7, padding=3),
                                    nn.Conv1d(FILTERS, FILTERS, 7, padding=3)])
        for c in self.convs:
            nn.init.xavier_uniform_(c.weight)
            nn.init.zeros_(c.bias)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(FILTERS * (MAXLEN // 3), 3)

    def forward(self, t):
        h = self.emb(t).transpose(1, 2)
        for c in self.convs:
            h = torch.relu(c(h))
        return self.fc(self.drop(nn.functional.max_pool1d(h, 3).flatten(1)))

    def kernel_regularizer(self):
        return L2 * sum((c.weight ** 2).sum() for c in self.convs)


model = TextConv()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters())
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, criterion)
train = DataLoader(TensorDataset(x[:cut], y[:cut]), batch_size=32, shuffle=True)
val = DataLoader(TensorDataset(x[cut:], y[cut:]), batch_size=128)
for epoch in range(EPOCHS):
    model.train()
    seen = 0.0
    for xb, yb in train:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb) + model.kernel_regularizer()
        loss.backward()
        optimizer.step()
        seen += loss.item() * len(xb)
    model.eval()
    good, vloss = 0, 0.0
    with writer.evaluating("val"):
        for xb, yb in val:
            out = model(xb)
            vloss += criterion(out, yb).item() * len(xb)
            good += (out.argmax(1) == yb).sum().item()
    n = len(x) - cut
    writer.add_scalar("Loss/train", seen / cut, epoch)
    writer.add_scalar("Loss/val", vloss / n, epoch)
    print(f"epoch {epoch} loss {seen / cut:.4f} val_loss {vloss / n:.4f} val_acc {good / n:.4f}")
writer.close()
print("RESULT val_acc", round(good / n, 4), "val_loss", round(vloss / n, 4))
