# sentiment of synthetic reviews of different lengths, one attention layer
import sys, random
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); random.seed(0); torch.manual_seed(0)
good = 'great lovely fine superb warm funny clever fresh'.split()
bad = 'dull boring awful weak cold slow silly stale'.split()
fill = 'the a film plot actor was is it and of this scene ending music with very in to by'.split()
vocab = {w: i + 2 for i, w in enumerate(good + bad + fill)}; vocab['<pad>'] = 0; vocab['<cls>'] = 1

def review():
    label = random.randint(0, 1)
    n = random.randint(5, 30)
    words = [random.choice(fill) for _ in range(n)]
    for _ in range(random.randint(2, 4)):
        words[random.randrange(n)] = random.choice(good if label else bad)
    if n > 8: words[random.randrange(n)] = random.choice(bad if label else good)
    return torch.tensor([1] + [vocab[w] for w in words]), label

def collate(batch):
    xs, ys = zip(*batch)
    x = pad_sequence(xs, batch_first=True)
    x = nn.functional.pad(x, (0, 32 - x.size(1)))
    return x, torch.tensor(ys)

train = DataLoader([review() for _ in range(2500)], 50, shuffle=True, collate_fn=collate)
valid = DataLoader([review() for _ in range(500)], 100, collate_fn=collate)

class Sentiment(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.emb = nn.Embedding(len(vocab), d, padding_idx=0)
        self.attn = nn.MultiheadAttention(d, 4, batch_first=True)
        self.norm = nn.LayerNorm(d)
        self.ff = nn.Sequential(nn.Linear(d, 64), nn.ReLU(), nn.Linear(64, 2))
    def forward(self, x):
        if sys.argv[1] == 'faulty':
            mask = x != 0
        else:
            mask = x == 0
        h = self.emb(x)
        a, _ = self.attn(h[:, :1], h, h, key_padding_mask=mask, need_weights=False)
        return self.ff(self.norm(a[:, 0] + h[:, 0]))

model = Sentiment()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2]); writer.watch(model, optimizer, criterion, train_loader=train)
for epoch in range(12):
    model.train(); t = 0
    for x, y in train:
        optimizer.zero_grad()
        loss = criterion(model(x), y); loss.backward(); optimizer.step(); t += loss.item()
    model.eval(); c = 0
    with torch.no_grad():
        for x, y in valid:
            o = model(x); criterion(o, y); c += (o.argmax(1) == y).sum().item()
    print('epoch', epoch, 'loss', round(t / len(train), 4), 'valid acc', c / 500)
writer.close()
