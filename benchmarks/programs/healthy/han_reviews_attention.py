"""Hierarchical attention network (Yang 2016) on five-star reviews: words -> sentence -> document, BiGRU + additive attention with a learned context vector."""
import sys, random
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); random.seed(0); torch.manual_seed(0)

# ---------------- data: reviews made of sentences; aspects, sentiment words, negation, and filler
pos = 'great lovely tasty friendly clean perfect fresh amazing cosy quick'.split()
neg = 'awful rude stale dirty slow bland cold broken overpriced noisy'.split()
asp = 'food service room staff pizza coffee view price bed breakfast'.split()
fill = [f'w{i}' for i in range(300)]
vocab = {w: i + 1 for i, w in enumerate(pos + neg + asp + fill + ['not', 'the', 'was', 'very'])}

def review():
    stars = random.randrange(5)
    sents = []
    for _ in range(random.randint(3, 7)):
        if random.random() < .4:
            s = random.choices(fill, k=random.randint(5, 9))
        else:
            good = random.random() < [.04, .27, .5, .73, .96][stars]
            if random.random() < .2: s = ['the', random.choice(asp), 'was', 'not', random.choice(neg if good else pos)]
            else: s = ['the', random.choice(asp), 'was'] + ['very'] * (random.random() < .3) + [random.choice(pos if good else neg)]
            s += random.choices(fill, k=random.randint(0, 4))
        sents.append([vocab[w] for w in s])
    return sents, stars

data = [review() for _ in range(4000)]
train, val = data[:3400], data[3400:]

class Attention(nn.Module):
    def __init__(self, d, a):
        super().__init__()
        self.proj, self.ctx = nn.Linear(d, a), nn.Linear(a, 1, bias=False)
    def forward(self, h, mask):
        e = self.ctx(torch.tanh(self.proj(h))).squeeze(-1).masked_fill(~mask, -1e4)
        w = e.softmax(1)
        return (w[..., None] * h).sum(1), w

class HAN(nn.Module):
    def __init__(self, V, emb=50, h=25, classes=5):
        super().__init__()
        self.emb = nn.Embedding(V, emb, padding_idx=0)
        self.wgru, self.sgru = nn.GRU(emb, h, batch_first=True, bidirectional=True), nn.GRU(2 * h, h, batch_first=True, bidirectional=True)
        self.watt, self.satt = Attention(2 * h, 50), Attention(2 * h, 50)
        self.drop, self.fc = nn.Dropout(.3), nn.Linear(2 * h, classes)
    def forward(self, docs):                               # B S W
        B, S, W = docs.shape
        words = docs.view(B * S, W)
        h, _ = self.wgru(self.drop(self.emb(words)))
        s, _ = self.watt(h, words > 0)
        s = s.view(B, S, -1) * (docs.sum(2) > 0)[..., None]
        h, _ = self.sgru(s)
        d, _ = self.satt(h, docs.sum(2) > 0)
        return self.fc(self.drop(d))

def collate(batch):
    S, W = max(len(d) for d, _ in batch), max(len(s) for d, _ in batch for s in d)
    x = torch.zeros(len(batch), S, W, dtype=torch.long)
    for i, (d, _) in enumerate(batch):
        for j, s in enumerate(d): x[i, j, :len(s)] = torch.tensor(s)
    return x, torch.tensor([y for _, y in batch])

tl = torch.utils.data.DataLoader(train, 64, shuffle=True, collate_fn=collate)
vl = torch.utils.data.DataLoader(val, 100, collate_fn=collate)
model = HAN(len(vocab) + 1)
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
crit = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1]); writer.watch(model, opt, crit)
for ep in range(8):
    model.train(); s = 0
    for x, y in tl:
        loss = crit(model(x), y)
        opt.zero_grad(); loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.)
        opt.step(); s += loss.item() * len(y)
    with writer.evaluating('val'):
        v = c = e = 0
        for x, y in vl:
            o = model(x); v += crit(o, y).item() * len(y); c += (o.argmax(1) == y).sum().item(); e += (o.argmax(1) - y).abs().sum().item()
    print(f'epoch {ep} train {s / len(train):.3f} val {v / len(val):.3f} acc {c / len(val):.3f} stars off {e / len(val):.2f}')
writer.close()
print(f'RESULT train {s / len(train):.3f} val {v / len(val):.3f} acc {c / len(val):.3f} stars off {e / len(val):.2f}')
