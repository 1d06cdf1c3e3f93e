"""Phishing URL detection, character level LSTM (the Keras example rewritten in torch)."""
import random
import sys

import numpy as np
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
SEED = 7
random.seed(SEED); np.random.seed(SEED); torch.manual_seed(SEED)
faulty = sys.argv[1] == "faulty"

MAXLEN, BATCH, EPOCHS = 40, 32, 14
chars = "abcdefghijklmnopqrstuvwxyz0123456789-./@?=_"
char2idx = {c: i + 1 for i, c in enumerate(chars)}      # 0 = padding

words = ("news shop blog garden travel city music book photo cloud data home team play food health green "
         "river stone market school radio bike house paint board light north").split()
brands = "paypal amazon google apple netflix microsoft dropbox ebay chase facebook".split()
bad = "login secure verify account update signin confirm webscr support billing".split()
tlds = ["com", "org", "net", "de", "co.uk", "io", "edu"]
bad_tlds = ["com", "net", "tk", "xyz", "info", "ru", "top"]


def benign():
    if random.random() < 0.12:                           # the brands themselves
        host = "www." + random.choice(brands) + ".com"
    else:
        host = random.choice(["", "www.", "www."]) + "".join(random.sample(words, random.choice([1, 2, 2])))
        host += "." + random.choice(tlds)
    path = "/".join(random.sample(words + bad[:2] + bad[-2:], random.choice([0, 1, 2])))
    tail = "?id=%d" % random.randint(1, 9999) if random.random() < 0.2 else ""
    return host + "/" + path + tail


def leet(s):
    return "".join({"a": "4", "o": "0", "l": "1", "i": "1", "e": "3"}.get(c, c) if random.random() < 0.25 else c for c in s)


def phishing():
    kind = random.random()
    b = leet(random.choice(brands))
    if kind < 0.4:
        host = b + "-" + random.choice(bad) + "." + random.choice(bad_tlds)
    elif kind < 0.7:
        host = b + ".com." + random.choice(words) + str(random.randint(1, 99)) + "." + random.choice(bad_tlds)
    elif kind < 0.85:                                    # hacked ordinary site
        host = random.choice(words) + random.choice(words) + "." + random.choice(tlds) + "/" + random.choice(bad)
    else:
        host = ".".join(str(random.randint(1, 254)) for _ in range(4))
    return host + "/" + random.choice(bad + words) + ("?" + random.choice(["cmd=", "u=", "id="]) + str(random.randint(1, 99999))
                                                      if random.random() < 0.4 else "")


urls, labels = [], []
for _ in range(3800):
    y = random.random() < 0.5
    urls.append(phishing() if y else benign())
    labels.append(float(y) if random.random() > 0.03 else 1 - float(y))   # blacklists are not perfect


def pad_sequences(seqs, maxlen):
    out = np.zeros((len(seqs), maxlen), dtype=np.int64)
    for k, s in enumerate(seqs):
        s = s[-maxlen:]
        out[k, maxlen - len(s):] = s                     # padding="pre", as keras does
    return out


X = pad_sequences([[char2idx[c] for c in u] for u in urls], MAXLEN)
y = np.array(labels, dtype=np.float32)
x_train, x_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=33)


class SimpleLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(len(chars) + 1, 32)
        self.lstm = nn.LSTM(32, 32, batch_first=True)
        self.drop = nn.Dropout(0.2)
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        o, _ = self.lstm(self.emb(x))
        return self.out(self.drop(o[:, -1])).squeeze(1)


model = SimpleLSTM()
criterion = nn.BCEWithLogitsLoss()
if faulty:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)      # optimizer='sgd'
else:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.004)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)

xt, yt = torch.from_numpy(x_train), torch.from_numpy(y_train)
xv, yv = torch.from_numpy(x_test), torch.from_numpy(y_test)
for epoch in range(EPOCHS):
    model.train()
    order = torch.randperm(len(xt))
    running = 0.0
    for i in range(0, len(order), BATCH):
        idx = order[i:i + BATCH]
        optimizer.zero_grad()
        loss = criterion(model(xt[idx]), yt[idx])
        loss.backward()
        optimizer.step()
        running += loss.item() * len(idx)
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        logits = model(xv)
        val_loss = criterion(logits, yv).item()
    acc = ((logits > 0) == (yv > 0.5)).float().mean().item()
    print(f"epoch {epoch + 1}/{EPOCHS} loss {running / len(xt):.4f} val_loss {val_loss:.4f} val_acc {acc:.4f}")
writer.close()
print(f"RESULT train_loss={running / len(xt):.4f} val_loss={val_loss:.4f} val_acc={acc:.4f}")
