# train.py -- next-note prediction on (pitch, duration) event streams
import sys
import random
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

DEBUG_BREAK = sys.argv[1] == "faulty"
torch.manual_seed(0)
random.seed(0)
torch.set_num_threads(1)

SCALE = [0, 2, 4, 5, 7, 9, 11]
SEQ_LEN = 40


def compose():
    """random key, motif repeated with variation, stepwise motion, cadence"""
    key = random.randrange(12)
    motif = [0]
    for _ in range(7):
        motif.append(motif[-1] + random.choice([-2, -1, -1, 1, 1, 2]))
    notes, deg = [], 7
    while len(notes) < SEQ_LEN + 1:
        shift = random.choice([0, 0, 2, -2, 4])
        for m in motif:
            d = deg + shift + m
            if random.random() < .08:
                d += random.choice([-1, 1])
            d = max(0, min(20, d))
            notes.append(12 * (d // 7) + SCALE[d % 7] + key)
    return notes[:SEQ_LEN + 1]


class Melodies(Dataset):
    def __init__(self, n):
        self.seqs = [torch.tensor(compose()) for _ in range(n)]

    def __len__(self):
        return len(self.seqs)

    def __getitem__(self, i):
        s = self.seqs[i]
        return s[:-1], s[1:]


class MusicTransformer(nn.Module):
    def __init__(self, vocab=52, d=64, heads=4, layers=2):
        super().__init__()
        self.tok = nn.Embedding(vocab, d)
        self.pos = nn.Parameter(torch.randn(1, SEQ_LEN, d) * 0.02)
        enc = nn.TransformerEncoderLayer(d, heads, 2 * d, dropout=0.1, batch_first=True, norm_first=True, activation="gelu")
        self.blocks = nn.TransformerEncoder(enc, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(d)
        self.head = nn.Linear(d, vocab)
        self.register_buffer("causal", torch.triu(torch.ones(SEQ_LEN, SEQ_LEN, dtype=torch.bool), 1))

    def forward(self, x):
        return self.head(self.norm(self.blocks(self.tok(x) + self.pos[:, :x.size(1)], mask=self.causal)))


criterion = nn.CrossEntropyLoss()


def train(model, loader, optimizer):
    model.train()
    total, n = 0., 0
    for x, y in loader:
        optimizer.zero_grad()
        out = model(x)
        loss = criterion(out.transpose(1, 2), y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
        n += 1
        if DEBUG_BREAK:
            break
    return total / n


def evaluate(model, loader):
    model.eval()
    total, hit = 0., 0.
    with torch.no_grad():
        for x, y in loader:
            out = model(x)
            total += criterion(out.transpose(1, 2), y).item()
            hit += (out.argmax(-1) == y).float().mean().item()
    return total / len(loader), hit / len(loader)


train_loader = DataLoader(Melodies(640), batch_size=32, shuffle=True)
test_loader = DataLoader(Melodies(160), batch_size=80)
model = MusicTransformer()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(18):
    tl = train(model, train_loader, optimizer)
    with writer.evaluating("val"):
        vl, acc = evaluate(model, test_loader)
    print("epoch %d | train loss %.4f | eval loss %.4f | note accuracy %.3f" % (epoch, tl, vl, acc))
writer.close()
print(f"RESULT train_loss={tl:.4f} val_loss={vl:.4f} val_acc={acc:.4f}")
