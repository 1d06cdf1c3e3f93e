"""GRU over the words of a standard library docstring: which area does it belong to (net, gui, test, async)?
Real text: docstrings of Python's own library."""
import sys, os, ast, glob, random, re
from collections import Counter
import torch
import torch.nn as nn
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1], sys.argv[2]
SEED, MAXLEN = 5, 40
random.seed(SEED); torch.manual_seed(SEED); torch.set_num_threads(1)
LIB = os.path.dirname(os.__file__)
AREAS = {"net": ["email", "http", "urllib", "xmlrpc"], "gui": ["tkinter", "idlelib"], "test": ["unittest"], "async": ["asyncio", "concurrent", "multiprocessing"]}


def docstrings():
    out = []
    for k, (area, dirs) in enumerate(AREAS.items()):
        rows = set()
        for d in dirs:
            for fn in sorted(glob.glob(f"{LIB}/{d}/**/*.py", recursive=True)):
                try:
                    tree = ast.parse(open(fn, encoding="utf-8").read())
                except Exception:
                    continue
                for node in ast.walk(tree):
                    if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef, ast.Module)):
                        doc = ast.get_docstring(node)
                        words = tuple(re.findall(r"[a-z]+", (doc or "").lower())[:MAXLEN])
                        if len(words) >= 5:
                            rows.add(words)
        rows = sorted(rows)
        random.shuffle(rows)
        out += [(w, k) for w in rows[:450]]
    random.shuffle(out)
    return out


data = docstrings()
n = len(data)
train, val, test = data[:int(.7 * n)], data[int(.7 * n):int(.8 * n)], data[int(.8 * n):]
counts = Counter(w for words, _ in train for w in words)
vocab = {w: i + 1 for i, w in enumerate(w for w, c in counts.items() if c > 1)}
print(n, "docstrings", len(vocab), "words")


def ids(words):
    return [vocab.get(w, 0) for w in words]


def collate_train(batch):
    x = torch.zeros(len(batch), MAXLEN, dtype=torch.long)
    for i, (w, _) in enumerate(batch):
        x[i, MAXLEN - len(w):] = torch.tensor(ids(w)) + 1      # 0 is the padding
    return x, torch.tensor([k for _, k in batch])


def collate_eval(batch):
    if FORM == "fixed":
        return collate_train(batch)
    seqs = [torch.tensor([0] * (MAXLEN - len(w)) + ids(w)) for w, _ in batch]
    return torch.stack(seqs), torch.tensor([k for _, k in batch])


class TopicGRU(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(len(vocab) + 2, 48, padding_idx=0)
        self.gru = nn.GRU(48, 48, batch_first=True)
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(48, len(AREAS))

    def forward(self, x):
        h, _ = self.gru(self.drop(self.emb(x)))
        return self.out(self.drop(h[:, -1]))


model = TopicGRU()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, criterion)
train_dl = DataLoader(train, batch_size=32, shuffle=True, collate_fn=collate_train)
val_dl = DataLoader(val, batch_size=64, collate_fn=collate_eval)
test_dl = DataLoader(test, batch_size=64, collate_fn=collate_eval)
for epoch in range(9):
    model.train()
    hit = tot = 0
    for x, y in train_dl:
        optimizer.zero_grad()
        out = model(x)
        loss = criterion(out, y)
        loss.backward()
        optimizer.step()
        hit += (out.argmax(1) == y).sum().item(); tot += len(y)
    with writer.evaluating("val"):
        vl = vh = 0
        for x, y in val_dl:
            out = model(x)
            vl += criterion(out, y).item() * len(y); vh += (out.argmax(1) == y).sum().item()
    print(f"epoch {epoch} loss {loss.item():.3f} acc {hit / tot:.3f} | val loss {vl / len(val):.3f} acc {vh / len(val):.3f}")
with writer.evaluating("test"):
    hit = 0
    for x, y in test_dl:
        out = model(x)
        criterion(out, y)
        hit += (out.argmax(1) == y).sum().item()
writer.close()
print(f"RESULT test_acc {hit / len(test):.4f}")
