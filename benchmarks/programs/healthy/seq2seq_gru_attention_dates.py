import sys, random, datetime
import torch
from torch import nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(11); random.seed(11)
PAD, SOS, EOS = 0, 1, 2
CH = "0123456789abcdefghijklmnopqrstuvwxyz /.,-"
stoi = {c: i + 3 for i, c in enumerate(CH)}
NV = len(CH) + 3
FORMS = ["%d %b %Y", "%B %d, %Y", "%d/%m/%y", "%a %d %B %Y"]


def pair():
    d = datetime.date(1970, 1, 1) + datetime.timedelta(days=random.randrange(0, 20000))
    s = d.strftime(random.choice(FORMS)).lower()
    return s, d.isoformat()


def typo(s):
    if random.random() < .15:
        i = random.randrange(len(s)); s = s[:i] + random.choice(CH[10:36]) + s[i + 1:]
    return s


def collate(b):
    b = [(typo(s), t) for s, t in b]
    xs = pad_sequence([torch.tensor([stoi[c] for c in s] + [EOS]) for s, _ in b], batch_first=True)
    ys = pad_sequence([torch.tensor([SOS] + [stoi[c] for c in t] + [EOS]) for _, t in b], batch_first=True)
    return xs, ys


class Encoder(nn.Module):
    def __init__(self, e=24, h=48):
        super().__init__()
        self.emb = nn.Embedding(NV, e, padding_idx=PAD)
        self.rnn = nn.GRU(e, h, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(2 * h, h)
    def forward(self, x):
        o, hn = self.rnn(self.emb(x))
        return o, torch.tanh(self.bridge(torch.cat([hn[0], hn[1]], -1)))


class Decoder(nn.Module):
    def __init__(self, e=24, h=48):
        super().__init__()
        self.emb = nn.Embedding(NV, e)
        self.key = nn.Linear(2 * h, h, bias=False)
        self.cell = nn.GRUCell(e + 2 * h, h)
        self.out = nn.Linear(3 * h, NV)
    def step(self, tok, h, enc, keys, mask):
        a = (keys @ h.unsqueeze(-1)).squeeze(-1) / 7
        a = a.masked_fill(mask, -1e9).softmax(-1)
        c = (a.unsqueeze(1) @ enc).squeeze(1)
        h = self.cell(torch.cat([self.emb(tok), c], -1), h)
        return self.out(torch.cat([h, c], -1)), h


class Seq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()
    def forward(self, x, y, tf=1.0):
        enc, h = self.encoder(x)
        keys, mask = self.decoder.key(enc), x.eq(PAD)
        tok, outs = y[:, 0], []
        for t in range(1, y.size(1)):
            o, h = self.decoder.step(tok, h, enc, keys, mask)
            outs.append(o)
            tok = y[:, t] if random.random() < tf else o.argmax(-1)
        return torch.stack(outs, 1)


train, val = [pair() for _ in range(2500)], [pair() for _ in range(300)]
tl = DataLoader(train, 50, shuffle=True, collate_fn=collate)
vl = DataLoader(val, 200, collate_fn=collate)
model = Seq2Seq()
criterion = nn.CrossEntropyLoss(ignore_index=PAD)
N_EPOCHS = 8
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
plateau = torch.optim.lr_scheduler.MultiStepLR(optimizer, [5, 7], gamma=0.3)
CLIP = 0.5
w = DiagWriter(sys.argv[1])
w.watch(model, optimizer, criterion)
for epoch in range(N_EPOCHS):
    model.train()
    tot = 0
    for x, y in tl:
        optimizer.zero_grad()
        out = model(x, y, tf=max(0.5, 1 - epoch / 10))    # scheduled sampling
        loss = criterion(out.reshape(-1, NV), y[:, 1:].reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        tot += loss.item()
    plateau.step()
    vs, exact = 0, 0
    with w.evaluating("val"):
        for x, y in vl:
            out = model(x, y, tf=0.0)
            vs += criterion(out.reshape(-1, NV), y[:, 1:].reshape(-1)).item()
            exact += (out.argmax(-1) == y[:, 1:]).all(1).sum().item()
    print(f"{epoch} train {tot / len(tl):.3f} val {vs / len(vl):.3f} exact {exact / len(val):.3f}")
w.close()
