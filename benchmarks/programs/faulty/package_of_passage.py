"""From which standard library package does a passage of source text come? Bag of words + MLP.
Real text: Python's own standard library."""
import sys, os, re, glob, random
import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader
from sklearn.feature_extraction.text import CountVectorizer
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1], sys.argv[2]
random.seed(0); np.random.seed(0); torch.manual_seed(0)
torch.set_num_threads(1)
LIB = os.path.dirname(os.__file__)
PACKAGES = ["asyncio", "email", "tkinter", "unittest", "xml", "multiprocessing", "http", "importlib"]

train_txt, train_y, val_txt, val_y, test_txt, test_y = [], [], [], [], [], []
for k, pkg in enumerate(PACKAGES):
    passages = []
    for fn in sorted(glob.glob(f"{LIB}/{pkg}/*.py") + glob.glob(f"{LIB}/{pkg}/*/*.py")):
        if "/test" in fn[len(LIB):]:
            continue
        lines = [l for l in open(fn, encoding="utf-8", errors="replace") if l.strip()]
        passages += [" ".join(lines[i:i + 14]) for i in range(0, len(lines) - 14, 14)]
    random.shuffle(passages)
    passages = passages[:260]
    a, b = int(len(passages) * .7), int(len(passages) * .8)
    train_txt += passages[:a]; train_y += [k] * a
    val_txt += passages[a:b]; val_y += [k] * (b - a)
    test_txt += passages[b:]; test_y += [k] * (len(passages) - b)

max_features = 15 if FORM == "faulty" else 1500
vec = CountVectorizer(max_features=max_features, token_pattern=r"[A-Za-z]{2,}", binary=True)
Xtr = vec.fit_transform(train_txt).toarray().astype(np.float32)
Xva, Xte = (vec.transform(t).toarray().astype(np.float32) for t in (val_txt, test_txt))
print(len(train_txt), "passages,", Xtr.shape[1], "words, e.g.", list(vec.get_feature_names_out()[:15]))

train = DataLoader(TensorDataset(torch.tensor(Xtr), torch.tensor(train_y)), batch_size=32, shuffle=True)
val = DataLoader(TensorDataset(torch.tensor(Xva), torch.tensor(val_y)), batch_size=128)
net = nn.Sequential(nn.Linear(Xtr.shape[1], 64), nn.ReLU(), nn.Dropout(0.4), nn.Linear(64, len(PACKAGES)))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.01)
writer = DiagWriter(LOGDIR)
writer.watch(net, optimizer, loss_fn)
for epoch in range(20):
    net.train()
    for x, y in train:
        optimizer.zero_grad()
        loss = loss_fn(net(x), y)
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        s, n, c = 0., 0, 0
        for x, y in val:
            out = net(x)
            s += loss_fn(out, y).item() * len(y); n += len(y); c += (out.argmax(1) == y).sum().item()
    print(f"epoch {epoch} val loss {s / n:.3f} val acc {c / n:.3f}")
net.eval()
with torch.no_grad():
    acc = (net(torch.tensor(Xte)).argmax(1) == torch.tensor(test_y)).float().mean().item()
writer.close()
print(f"RESULT test_acc {acc:.4f}")
