#!/usr/bin/env python
"""Which of eight related languages is a short string? Bag of character trigrams."""
import sys
import zlib
import numpy as np
import torch
from torch import nn, optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
MODE, LOGDIR = sys.argv[1:3]
rng = np.random.default_rng(77)
torch.manual_seed(77)

LETTERS = 'abcdefghijklmnopqrstuvwxyz '
base = rng.gamma(0.25, size=(27, 27)) + 0.002
LANGS = 8
chains = []
for _ in range(LANGS):
    m = base * np.exp(0.5 * rng.standard_normal((27, 27)))
    chains.append(np.cumsum(m / m.sum(1, keepdims=True), 1))


def phrase(lang, n):
    c, s = 26, []
    for u in rng.random(n):
        c = min(int(np.searchsorted(chains[lang][c], u)), 26)
        s.append(LETTERS[c])
    return ''.join(s)


BUCKETS = 3000


def hashed(s):
    grams = [s[i:i + k] for k in (1, 2, 3) for i in range(len(s) - k + 1)]
    return [zlib.crc32(g.encode()) % BUCKETS for g in grams]


def corpus(n):
    ys = rng.integers(0, LANGS, n)
    return [torch.tensor(hashed(phrase(y, int(rng.integers(30, 80))))) for y in ys], torch.tensor(ys)


class LangId(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(BUCKETS, 32, mode='mean')
        self.fc1 = nn.Linear(32, 48)
        self.fc2 = nn.Linear(48, LANGS)
        self.drop = nn.Dropout(0.15)

    def forward(self, ids, offsets):
        return self.fc2(self.drop(torch.relu(self.fc1(self.drop(self.bag(ids, offsets))))))


def collate(X, y, idx):
    parts = [X[i] for i in idx]
    off = torch.tensor([0] + [len(p) for p in parts[:-1]]).cumsum(0)
    return torch.cat(parts), off, y[idx]


Xtr, ytr = corpus(10000)
Xva, yva = corpus(1500)
net = LangId()
epochs, bs, lr = 8, 32, 0.5

# Keras: SGD(lr=0.5, momentum=0.9, decay=...): lr / (1 + decay * iterations)
decay = 0.9 if MODE == 'faulty' else lr / epochs / 20
opt = optim.SGD(net.parameters(), lr=lr, momentum=0.9)
sched = optim.lr_scheduler.LambdaLR(opt, lambda it: 1.0 / (1.0 + decay * it))
loss_fn = nn.CrossEntropyLoss()

writer = DiagWriter(LOGDIR)
writer.watch(net, opt, loss_fn)

for ep in range(epochs):
    net.train()
    order = torch.from_numpy(rng.permutation(len(Xtr)))
    run = 0.
    for k in range(0, len(order), bs):
        ids, off, y = collate(Xtr, ytr, order[k:k + bs])
        opt.zero_grad()
        loss = loss_fn(net(ids, off), y)
        loss.backward()
        opt.step()
        sched.step()
        run += loss.item() * len(y)
    with writer.evaluating('val'):
        good = vl = 0
        for k in range(0, len(Xva), 250):
            ids, off, y = collate(Xva, yva, torch.arange(k, min(k + 250, len(Xva))))
            p = net(ids, off)
            vl += loss_fn(p, y).item() * len(y)
            good += int((p.argmax(1) == y).sum())
    print(f'{ep:2d}  loss {run / len(Xtr):.4f}  val {vl / len(Xva):.4f}  acc {good / len(Xva):.3f}')
writer.close()
