"""Text classification with EmbeddingBag and SGD(lr=5), after the torchtext "AG_NEWS" tutorial:
which part of the standard library does a docstring come from?  (network / numbers / text+files / language tools)"""
import ast
import glob
import os
import random
import re
import sys
import sysconfig
import torch
from torch import nn
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
random.seed(0)
ROOT = sysconfig.get_paths()["stdlib"]
GROUPS = [
    ["http", "urllib", "email", "socket.py", "socketserver.py", "ssl.py", "smtplib.py", "ftplib.py", "imaplib.py", "poplib.py", "xmlrpc", "asyncio", "selectors.py", "ipaddress.py"],
    ["_pydecimal.py", "fractions.py", "statistics.py", "random.py", "numbers.py", "datetime.py", "_pydatetime.py", "calendar.py", "colorsys.py", "heapq.py", "bisect.py", "turtle.py"],
    ["pathlib.py", "os.py", "shutil.py", "zipfile.py", "tarfile.py", "gzip.py", "bz2.py", "lzma.py", "csv.py", "tempfile.py", "glob.py", "io.py", "_pyio.py", "textwrap.py", "difflib.py", "string.py", "codecs.py", "mailbox.py", "configparser.py"],
    ["ast.py", "inspect.py", "dis.py", "pdb.py", "bdb.py", "unittest", "typing.py", "importlib", "lib2to3", "doctest.py", "traceback.py", "pickle.py", "pickletools.py", "dataclasses.py", "enum.py"],
]


def docstrings(path):
    try:
        tree = ast.parse(open(path, encoding="utf8").read())
    except Exception:
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef, ast.Module)):
            d = ast.get_docstring(node)
            if d:
                for par in d.split("\n\n"):
                    t = re.findall(r"[a-z_]+", par.lower())
                    if len(t) >= 5:
                        yield t[:80]


data = []
for k, names in enumerate(GROUPS):
    for nme in names:
        p = os.path.join(ROOT, nme)
        files = [p] if p.endswith(".py") else glob.glob(os.path.join(p, "**", "*.py"), recursive=True)
        for f in files:
            if "/test" not in f and os.path.exists(f):
                data += [(k, t) for t in docstrings(f)]
random.shuffle(data)
n_val = len(data) // 5
val_data, train_data = data[:n_val], data[n_val:]
count = {}
for _, t in train_data:
    for wd in set(t):
        count[wd] = count.get(wd, 0) + 1
vocab = {wd: i + 1 for i, wd in enumerate(sorted(k for k, c in count.items() if c >= 2))}


def collate_batch(batch):
    lab, txt, off = [], [], [0]
    for l, t in batch:
        ids = torch.tensor([vocab.get(x, 0) for x in t])
        lab.append(l); txt.append(ids); off.append(len(ids))
    return torch.tensor(lab), torch.cat(txt), torch.tensor(off[:-1]).cumsum(0)


class TextClassificationModel(nn.Module):
    def __init__(self, vocab_size, embed_dim, num_class):
        super().__init__()
        self.embedding = nn.EmbeddingBag(vocab_size, embed_dim, sparse=False)
        self.fc = nn.Linear(embed_dim, num_class)
        self.init_weights()

    def init_weights(self):
        self.embedding.weight.data.uniform_(-0.5, 0.5)
        self.fc.weight.data.uniform_(-0.5, 0.5)
        self.fc.bias.data.zero_()

    def forward(self, text, offsets):
        return self.fc(self.embedding(text, offsets))


EPOCHS, BATCH_SIZE = 8, 64
LR = float(sys.argv[1]) if len(sys.argv) > 2 else 5.0
model = TextClassificationModel(len(vocab) + 1, 64, 4)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=LR)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3, gamma=0.3)
writer = DiagWriter(sys.argv[-1])
writer.watch(model, optimizer, criterion)
train_dataloader = DataLoader(train_data, batch_size=BATCH_SIZE, shuffle=True, collate_fn=collate_batch)
valid_dataloader = DataLoader(val_data, batch_size=256, collate_fn=collate_batch)
for epoch in range(1, EPOCHS + 1):
    model.train()
    for label, text, offsets in train_dataloader:
        optimizer.zero_grad()
        loss = criterion(model(text, offsets), label)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
    scheduler.step()
    model.eval()
    acc = tot = vl = 0
    with writer.evaluating("val"):
        for label, text, offsets in valid_dataloader:
            out = model(text, offsets)
            vl += criterion(out, label).item() * len(label)
            acc += (out.argmax(1) == label).sum().item()
            tot += len(label)
    print(f"| epoch {epoch} | train {loss.item():.4f} | valid loss {vl / tot:.4f} | valid accuracy {acc / tot:.4f}")
writer.close()
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
v = TfidfVectorizer(analyzer=lambda t: t)
A = v.fit_transform([t for _, t in train_data])
b = LogisticRegression(C=5, max_iter=300).fit(A, [k for k, _ in train_data]).score(v.transform([t for _, t in val_data]), [k for k, _ in val_data])
print(f"RESULT val_loss {vl / tot:.4f} val_acc {acc / tot:.4f} tfidf_logreg_acc {b:.4f} n_train {len(train_data)}")
