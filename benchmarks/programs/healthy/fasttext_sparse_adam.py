#!/usr/bin/env python
"""fastText classifier in PyTorch: hashed char n-grams, EmbeddingBag(sparse=True) with SparseAdam, dense head with Adam, linear decay."""
import random
import sys
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(9)
torch.manual_seed(9)
BUCKETS, DIM, EPOCHS, BATCH, LR = 20000, 16, 4, 32, 0.003

# town names from six made-up regions: stems with region dependent endings, a few names are borrowed
ONSET = ['b', 'br', 'd', 'dr', 'f', 'g', 'gr', 'h', 'k', 'kl', 'l', 'm', 'n', 'p', 'r', 's', 'sch', 'st', 't', 'tr', 'v', 'w', 'z']
NUC = ['a', 'e', 'i', 'o', 'u', 'ei', 'au', 'ie', 'oe']
ENDS = {'north': ['by', 'toft', 'rup', 'lev'], 'east': ['ow', 'itz', 'in', 'ice'], 'south': ['ano', 'ello', 'ate', 'igo'],
        'west': ['ac', 'ville', 'court', 'ny'], 'isle': ['ton', 'ham', 'wick', 'ford'], 'alp': ['ach', 'ikon', 'ingen', 'berg']}
LABELS = list(ENDS)


def name(region):
    w = ''.join(random.choice(ONSET) + random.choice(NUC) for _ in range(random.randint(1, 2))) + random.choice(ONSET)
    r = region if random.random() < 0.85 else random.choice(LABELS)
    return w + random.choice(ENDS[r])


def ngrams(word):
    w = '<' + word + '>'
    return [hash_(w[i:i + n]) for n in (2, 3, 4, 5) for i in range(len(w) - n + 1)]


def hash_(s):
    h = 2166136261
    for c in s.encode():
        h = ((h ^ c) * 16777619) & 0xffffffff
    return h % BUCKETS


def make(n):
    out = []
    for _ in range(n):
        r = random.randrange(len(LABELS))
        out.append((ngrams(name(LABELS[r])), r))
    return out


train, test = make(16000), make(3000)


class FastText(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(BUCKETS, DIM, mode='mean', sparse=True)
        nn.init.uniform_(self.bag.weight, -1. / DIM, 1. / DIM)
        self.out = nn.Linear(DIM, len(LABELS))
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, flat, offsets):
        return self.out(self.bag(flat, offsets))


def collate(batch):
    flat, off, n = [], [], 0
    for g, _ in batch:
        off.append(n)
        flat += g
        n += len(g)
    return torch.tensor(flat), torch.tensor(off), torch.tensor([y for _, y in batch])


model = FastText()
optimizers = [torch.optim.SparseAdam(list(model.bag.parameters()), lr=LR), torch.optim.Adam(model.out.parameters(), lr=LR)]
total = EPOCHS * len(train) // BATCH
scheds = [torch.optim.lr_scheduler.LambdaLR(o, lambda s: max(1 - s / total, 1e-3)) for o in optimizers]
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizers, criterion)
n, run = 0, 0.
for epoch in range(EPOCHS):
    random.shuffle(train)
    for i in range(0, len(train), BATCH):
        flat, off, y = collate(train[i:i + BATCH])
        loss = criterion(model(flat, off), y)
        for o in optimizers:
            o.zero_grad()
        loss.backward()
        for o, s in zip(optimizers, scheds):
            o.step()
            s.step()
        n, run = n + 1, run + loss.item()
        if n % 200 == 0:
            with torch.no_grad():
                flat, off, y = collate(test)
                logits = model(flat, off)
                tl, p1 = nn.functional.cross_entropy(logits, y).item(), (logits.argmax(1) == y).float().mean().item()
            print('Progress: %5.1f%%  lr: %.6f  avg.loss: %.4f  test loss: %.4f  P@1: %.3f' % (100 * n / total, optimizers[0].param_groups[0]['lr'], run / 200, tl, p1))
            run = 0.
writer.close()
