# part-of-speech-like tags from a random grammar; some words are ambiguous, so accuracy has a ceiling
import sys, random
import torch, torch.nn as nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); random.seed(2); torch.manual_seed(2)
TAGS = ['DET', 'ADJ', 'NOUN', 'VERB', 'ADV']
nxt = {'S': ['DET', 'NOUN'], 'DET': ['ADJ', 'NOUN', 'NOUN'], 'ADJ': ['NOUN', 'NOUN', 'ADJ'], 'NOUN': ['VERB', 'VERB', 'NOUN'], 'VERB': ['DET', 'ADV', 'DET'], 'ADV': ['DET', 'VERB']}
words = {t: [f'{t}{i}' for i in range(25)] for t in TAGS}
amb = [f'x{i}' for i in range(20)]                       # may be any tag
vocab = {w: i + 1 for i, w in enumerate([w for t in TAGS for w in words[t]] + amb)}

def sentence():
    t, s = 'S', []
    for _ in range(random.randint(5, 14)):
        t = random.choice(nxt[t])
        s.append((random.choice(amb) if random.random() < .35 else random.choice(words[t]), t))
    return torch.tensor([vocab[w] for w, _ in s]), torch.tensor([TAGS.index(t) for _, t in s])

def collate(b):
    x, y = zip(*b)
    return pad_sequence(x, True), pad_sequence(y, True, -100)

class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(len(vocab) + 1, 24, padding_idx=0)
        self.drop = nn.Dropout(.2)
        self.lstm = nn.LSTM(24, 24, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(48, 5)
    def forward(self, x):
        return self.fc(self.drop(self.lstm(self.drop(self.emb(x)))[0]))

tr = DataLoader([sentence() for _ in range(1500)], 32, shuffle=True, collate_fn=collate)
va = DataLoader([sentence() for _ in range(300)], 100, collate_fn=collate)
model = Tagger()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
loss_fn = nn.CrossEntropyLoss(ignore_index=-100)
writer = DiagWriter(sys.argv[1]); writer.watch(model, optimizer, loss_fn)
for epoch in range(10):
    model.train(); tot = 0
    for x, y in tr:
        optimizer.zero_grad()
        loss = loss_fn(model(x).view(-1, 5), y.view(-1))
        loss.backward(); optimizer.step(); tot += loss.item() / len(tr)
    model.eval(); c = n = v = 0
    with torch.no_grad():
        for x, y in va:
            o = model(x); v += loss_fn(o.view(-1, 5), y.view(-1)).item() / len(va)
            m = y >= 0; c += (o.argmax(-1) == y)[m].sum().item(); n += m.sum().item()
    print(epoch, 'train %.4f val %.4f acc %.4f' % (tot, v, c / n))
writer.close()
