''' Transformer encoder for review rating, ScaledDotProductAttention written out as in "Attention is all you need" '''
import sys
import random
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter

form, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
random.seed(0)
torch.manual_seed(0)
PAD = 0

good = ["great", "lovely", "crisp", "friendly", "tasty", "superb", "warm"]
bad = ["cold", "rude", "stale", "awful", "slow", "dirty", "bland"]
neutral = "the a food soup service waiter place we it was and with table came our room menu wine".split()
mods = ["not", "very"]
vocab = {w: i + 1 for i, w in enumerate(good + bad + neutral + mods + ["."])}


def review():
    """up to three sentences; an adjective after 'not' flips, after 'very' counts double. a few customers leave the text empty"""
    if random.random() < .002:
        return [], random.randint(0, 2)
    s, toks = 0, []
    for _ in range(random.randint(1, 3)):
        toks += random.choices(neutral, k=random.randint(1, 4))
        m = random.choice([None, "not", "very"])
        g = random.random() < .5
        if m: toks.append(m)
        toks.append(random.choice(good if g else bad))
        s += (1 if g else -1) * {None: 1, "not": -1, "very": 2}[m]
        toks.append(".")
    return [vocab[t] for t in toks], 0 if s < 0 else 1 if s == 0 else 2


train, test = [review() for _ in range(5200)], [r for r in (review() for _ in range(700)) if r[0]]


def collate(b):
    L = max(1, max(len(t) for t, _ in b))
    x = torch.full((len(b), L), PAD)
    for i, (t, _) in enumerate(b):
        x[i, :len(t)] = torch.tensor(t, dtype=torch.long)
    return x, torch.tensor([y for _, y in b])


class ScaledDotProductAttention(nn.Module):
    def __init__(self, d_model, attn_dropout=0.1):
        super().__init__()
        self.temper = np.power(d_model, 0.5)
        self.dropout = nn.Dropout(attn_dropout)

    def forward(self, q, k, v, attn_mask):
        attn = torch.matmul(q, k.transpose(-1, -2)) / self.temper
        attn = attn.masked_fill(attn_mask, -float("inf") if form == "faulty" else -1e9)
        attn = self.dropout(torch.softmax(attn, -1))
        return torch.matmul(attn, v)


class EncoderLayer(nn.Module):
    def __init__(self, d, h, f):
        super().__init__()
        self.h = h
        self.w = nn.Linear(d, 3 * d)
        self.attention = ScaledDotProductAttention(d // h)
        self.proj, self.n1, self.n2 = nn.Linear(d, d), nn.LayerNorm(d), nn.LayerNorm(d)
        self.ff = nn.Sequential(nn.Linear(d, f), nn.ReLU(), nn.Linear(f, d))
        self.drop = nn.Dropout(.1)

    def forward(self, x, mask):
        b, n, d = x.shape
        q, k, v = self.w(x).view(b, n, 3, self.h, -1).permute(2, 0, 3, 1, 4)
        o = self.attention(q, k, v, mask[:, None, None, :]).transpose(1, 2).reshape(b, n, d)
        x = self.n1(x + self.drop(self.proj(o)))
        return self.n2(x + self.drop(self.ff(x)))


class Classifier(nn.Module):
    def __init__(self, d=32, layers=2):
        super().__init__()
        self.emb = nn.Embedding(len(vocab) + 1, d, padding_idx=PAD)
        self.pos = nn.Embedding(40, d)
        self.layers = nn.ModuleList([EncoderLayer(d, 4, 64) for _ in range(layers)])
        self.out = nn.Linear(d, 3)

    def forward(self, x):
        mask = x == PAD
        h = self.emb(x) + self.pos(torch.arange(x.shape[1]))
        for l in self.layers:
            h = l(h, mask)
        keep = (~mask).float()[..., None]
        return self.out((h * keep).sum(1) / keep.sum(1).clamp(min=1))


model = Classifier()
crit = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, betas=(0.9, 0.98))
writer = DiagWriter(LOGDIR)
writer.watch(model, optimizer, crit)
loader = DataLoader(train, 32, shuffle=True, collate_fn=collate)
tx, ty = collate(test)
for epoch in range(7):
    model.train()
    total = hit = 0
    for x, y in loader:
        optimizer.zero_grad()
        pred = model(x)
        loss = crit(pred, y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(y); hit += (pred.argmax(1) == y).sum().item()
    model.eval()
    with torch.no_grad():
        p = model(tx)
    print("[ Epoch %d ]\n  - (Training)   loss: %8.5f, accuracy: %3.2f %%\n  - (Validation) loss: %8.5f, accuracy: %3.2f %%" % (
        epoch, total / len(train), 100 * hit / len(train), crit(p, ty).item(), 100 * (p.argmax(1) == ty).float().mean().item()))
writer.close()
