"""Soprano-to-bass harmonisation (Bach chorale like), two-layer LSTM, cross entropy per beat."""
import random
import sys

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(1685)
torch.manual_seed(1685)
NUM_EPOCHS = 2 if sys.argv[1] == "faulty" else 12
PAD = -100

# functional harmony: soprano degree -> possible chords, chord progression by weights, bass follows the chord and the key
CHORDS = {"I": (0, 2, 4), "ii": (1, 3, 5), "IV": (3, 5, 0), "V": (4, 6, 1), "vi": (5, 0, 2), "V7": (6, 1, 3)}
NEXT = {"I": {"I": 1, "IV": 3, "V": 3, "ii": 2, "vi": 2}, "ii": {"V": 5, "V7": 3}, "IV": {"I": 2, "V": 4, "ii": 1, "V7": 1},
        "V": {"I": 6, "vi": 2}, "vi": {"IV": 3, "ii": 3, "V": 1}, "V7": {"I": 7, "vi": 1}}
DEG = [0, 2, 4, 5, 7, 9, 11]


def chorale():
    key = random.choice([0, 2, 5, 7])
    n = random.randint(20, 36)
    chord = "I"
    sop, bass = [], []
    for t in range(n):
        opts = NEXT[chord]
        chord = random.choices(list(opts), list(opts.values()))[0] if t else "I"
        tones = CHORDS[chord]
        s = random.choice(tones)
        b = tones[0] if random.random() < .72 else tones[1]
        sop.append(24 + key + DEG[s] - 12 * (random.random() < .3) - 12)
        bass.append((key + DEG[b]) % 12 if random.random() > .04 else random.randrange(12))
    return torch.tensor(sop), torch.tensor(bass)


def batches(data, size, shuffle):
    idx = list(range(len(data)))
    if shuffle:
        random.shuffle(idx)
    for i in range(0, len(idx), size):
        part = [data[j] for j in idx[i:i + size]]
        yield pad_sequence([p[0] for p in part], batch_first=True), pad_sequence([p[1] for p in part], batch_first=True, padding_value=PAD)


class Harmoniser(nn.Module):
    def __init__(self, notes=40, emb=24, hidden=64):
        super().__init__()
        self.embedding = nn.Embedding(notes, emb)
        self.lstm = nn.LSTM(emb, hidden, num_layers=2, batch_first=True, bidirectional=True, dropout=.2)
        self.fc = nn.Linear(2 * hidden, 12)

    def forward(self, x):
        h, _ = self.lstm(self.embedding(x))
        return self.fc(h).transpose(1, 2)


train, valid = [chorale() for _ in range(900)], [chorale() for _ in range(150)]
model = Harmoniser()
criterion = nn.CrossEntropyLoss(ignore_index=PAD)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)

for epoch in range(NUM_EPOCHS):
    model.train()
    total, steps = 0, 0
    for x, y in batches(train, 16, True):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.)
        optimizer.step()
        total += loss.item()
        steps += 1
    model.eval()
    v, c, n, k = 0, 0, 0, 0
    with torch.no_grad(), writer.evaluating("val"):
        for x, y in batches(valid, 50, False):
            o = model(x)
            v += criterion(o, y).item()
            k += 1
            m = y != PAD
            c += (o.argmax(1)[m] == y[m]).sum().item()
            n += m.sum().item()
    print(f"Epoch {epoch + 1}: train loss {total / steps:.4f}, valid loss {v / k:.4f}, acc {c / n:.4f}")
writer.close()
print(f"RESULT val_loss {v / k:.4f} val_acc {c / n:.4f}")
