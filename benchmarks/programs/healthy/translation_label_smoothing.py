import random
import sys
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
LOGDIR = sys.argv[1]
random.seed(2); torch.manual_seed(2)
PAD, SOS, EOS = 0, 1, 2
NV, NA, NN_ = 30, 25, 60
MAX_LEN = 24

# toy german-like -> english-like: noun + adjective swapped, some words become two, verb goes to its place
lex, nxt = {}, 3
src_words = {"v": list(range(3, 3 + NV)), "a": list(range(3 + NV, 3 + NV + NA)), "n": list(range(3 + NV + NA, 3 + NV + NA + NN_))}
for k in "van":
    for wd in src_words[k]:
        m = 2 if random.random() < 0.25 else 1
        lex[wd] = list(range(nxt, nxt + m)); nxt += m
SRC_V, TGT_V = 3 + NV + NA + NN_, nxt


def noun_phrase(long):
    n = random.choice(src_words["n"])
    adj = [random.choice(src_words["a"]) for _ in range(random.choice([0, 1, 1, 2] if long else [0, 1]))]
    return [n] + adj, sum([lex[a] for a in adj], []) + lex[n]


def sentence():
    long = random.random() < 0.1
    s1, t1 = noun_phrase(long); s2, t2 = noun_phrase(long)
    v = random.choice(src_words["v"])
    s, t = s1 + s2 + [v], t1 + lex[v] + t2
    if long:
        s3, t3 = noun_phrase(True)
        s, t = s + s3, t + t3
    if random.random() < 0.05:
        t = t[:-1] + [random.randrange(3, TGT_V)]
    return s + [EOS], t + [EOS]


def pad(x):
    return x + [PAD] * (MAX_LEN - len(x))


def corpus(n):
    p = [sentence() for _ in range(n)]
    return torch.tensor([pad(s) for s, _ in p]), torch.tensor([pad(t) for _, t in p]), torch.tensor([len(s) for s, _ in p])


class Encoder(nn.Module):
    def __init__(self, h=96):
        super().__init__()
        self.embedding = nn.Sequential(nn.Embedding(SRC_V, 48, padding_idx=PAD), nn.Dropout(0.15))
        self.gru = nn.GRU(48, h // 2, batch_first=True, bidirectional=True)

    def forward(self, x, lens):
        o, h = self.gru(pack_padded_sequence(self.embedding(x), lens, batch_first=True, enforce_sorted=False))
        o, _ = pad_packed_sequence(o, batch_first=True, total_length=MAX_LEN)
        return o, torch.cat([h[0], h[1]], 1)[None]


class AttnDecoder(nn.Module):
    def __init__(self, h=96):
        super().__init__()
        self.embedding = nn.Sequential(nn.Embedding(TGT_V, 48, padding_idx=PAD), nn.Dropout(0.15))
        self.gru = nn.GRU(48, h, batch_first=True)
        self.query = nn.Linear(h, h, bias=False)
        self.combine = nn.Linear(2 * h, h)
        self.out = nn.Linear(h, TGT_V)

    def forward(self, y, enc, h, mask):
        o, h = self.gru(self.embedding(y), h)
        a = (self.query(o) @ enc.transpose(1, 2)).masked_fill(mask[:, None], -1e9).softmax(-1)
        return self.out(torch.tanh(self.combine(torch.cat([o, a @ enc], -1))))


class Seq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), AttnDecoder()

    def forward(self, src, lens, tgt_in):
        enc, h = self.encoder(src, lens)
        return self.decoder(tgt_in, enc, h, src == PAD)


train, test = corpus(5000), corpus(400)
model = Seq2Seq()
EPOCHS, BS = 6, 50
LR = 6e-3
optimizer = torch.optim.Adam(model.parameters(), lr=LR)
TOTAL = EPOCHS * (len(train[0]) // BS)
sched = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=TOTAL, pct_start=0.15)
criterion = nn.CrossEntropyLoss(ignore_index=PAD, label_smoothing=0.1)
w = DiagWriter(LOGDIR)
w.watch(model, optimizer, criterion)


def run(batch):
    src, tgt, lens = batch
    tgt_in = torch.cat([torch.full((len(tgt), 1), SOS), tgt[:, :-1]], 1)
    out = model(src, lens, tgt_in)
    return criterion(out.reshape(-1, TGT_V), tgt.reshape(-1)), out.argmax(-1)


for epoch in range(EPOCHS):
    model.train()
    perm = torch.randperm(len(train[0])); tot = 0
    for i in range(0, len(perm), BS):
        loss, _ = run([t[perm[i:i + BS]] for t in train])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        sched.step()
        tot += loss.item()
    with w.evaluating("val"):
        vl, hit, cnt = 0, 0, 0
        for i in range(0, 400, 100):
            b = [t[i:i + 100] for t in test]
            l, p = run(b)
            vl += l.item() / 4; m = b[1] != PAD
            hit += (p[m] == b[1][m]).sum().item(); cnt += m.sum().item()
    print(f"{epoch} train {tot * BS / len(perm):.4f} val {vl:.4f} word acc {hit / cnt:.3f}")
w.close()
