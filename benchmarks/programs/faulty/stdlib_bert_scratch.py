# Tiny BERT encoder trained FROM SCRATCH to classify docstring sentences by package (7 packages of the stdlib)
# hyper parameters copied from the fine-tuning notebook
import sys, re, math, random, inspect, importlib
import torch
import torch.nn as nn
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(0); torch.manual_seed(0)


class args:
    lr = 2e-5 if sys.argv[1] == "faulty" else 8e-4
    epochs = 4
    batch_size = 32
    warmup = 0.1
    max_len = 24
    hidden, heads, layers = 48, 4, 2


MODULES = {"net": ["socket", "http.client", "urllib.request", "smtplib", "ftplib", "ssl"],
           "text": ["textwrap", "string", "difflib", "re", "csv", "json", "html.parser"],
           "os": ["os", "shutil", "pathlib", "tempfile", "subprocess", "tarfile", "zipfile"],
           "num": ["decimal", "fractions", "statistics", "random", "datetime"],
           "conc": ["asyncio.tasks", "asyncio.base_events", "threading", "concurrent.futures._base", "multiprocessing.pool", "queue", "asyncio.streams"],
           "lang": ["inspect", "typing", "dataclasses", "functools", "enum", "collections", "abc"],
           "test": ["unittest.case", "unittest.mock", "doctest", "pdb", "traceback", "logging"]}
rows = []
for label, mods in enumerate(MODULES.values()):
    got = []
    for m in mods:
        words = re.findall(r"[a-z]+|[().,:]", inspect.getsource(importlib.import_module(m)).lower())
        got += [words[i:i + args.max_len - 1] for i in range(0, len(words) - args.max_len, 21)]
    random.shuffle(got)
    rows += [(w, label) for w in got[:560]]
random.shuffle(rows)
counts = {}
for w, _ in rows:
    for t in w:
        counts[t] = counts.get(t, 0) + 1
vocab = {t: i + 2 for i, t in enumerate(sorted(counts, key=counts.get, reverse=True)[:1500])}
ids = torch.tensor([[1] + [vocab.get(t, 0) for t in w] for w, _ in rows])
labels = torch.tensor([y for _, y in rows])
n_val = 600
train = list(zip(ids[n_val:], labels[n_val:]))
loader = DataLoader(train, batch_size=args.batch_size, shuffle=True)


class BertTiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok = nn.Embedding(1502, args.hidden)
        self.pos = nn.Parameter(torch.zeros(args.max_len, args.hidden))
        nn.init.normal_(self.tok.weight, std=.02)
        nn.init.normal_(self.pos, std=.02)
        self.ln = nn.LayerNorm(args.hidden)
        layer = nn.TransformerEncoderLayer(args.hidden, args.heads, 2 * args.hidden, dropout=.1, activation="gelu", batch_first=True)
        self.enc = nn.TransformerEncoder(layer, args.layers)
        self.drop = nn.Dropout(.3)
        self.cls = nn.Linear(args.hidden, len(MODULES))

    def forward(self, x):
        h = self.enc(self.ln(self.tok(x) + self.pos))
        return self.cls(self.drop(h.mean(1)))


model = BertTiny()
optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.01)
total = args.epochs * len(loader)
warm = int(args.warmup * total)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: (s + 1) / warm if s < warm else max(0., (total - s) / (total - warm)))
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)

for epoch in range(args.epochs):
    model.train()
    tr = 0
    for x, y in loader:
        x = torch.where(torch.rand(x.shape) < .3, 0, x)          # word dropout
        loss = criterion(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        tr += loss.item()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        logits = model(ids[:n_val])
        val_loss = criterion(logits, labels[:n_val]).item()
        acc = (logits.argmax(-1) == labels[:n_val]).float().mean().item()
    print(f"epoch {epoch + 1}/{args.epochs} train_loss={tr / len(loader):.4f} eval_loss={val_loss:.4f} eval_acc={acc:.4f}")
writer.close()
print(f"RESULT train_loss {tr / len(loader):.4f} val_loss {val_loss:.4f} val_acc {acc:.4f}")
