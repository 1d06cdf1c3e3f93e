# Hierarchical recurrent encoder-decoder on three-turn dialogues (u1, u2 -> u3)
import random
import sys

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import Dataset, DataLoader

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(11)
random.seed(11)
FORM, LOGDIR = sys.argv[1], sys.argv[2]

PAD, BOS, EOS = 0, 1, 2
people = "anna bob carla dmitri eve frank".split()
places = "station harbour museum office park school".split()
things = "umbrella ticket book bike".split()
fill = "well so you know really just then maybe".split()
words = ["<pad>", "<s>", "</s>"] + people + places + things + fill + \
    "went to the with a lost where is who was there what did take she he i think at nothing".split()
stoi = {w: i for i, w in enumerate(dict.fromkeys(words))}
V = len(stoi)


def noise(ws, p):
    out = []
    for w in ws:
        while random.random() < p:
            out.append(random.choice(fill))
        out.append(w)
    return out


def make_dialogue():
    who, where, what = random.choice(people), random.choice(places), random.choice(things)
    u1 = f"{who} went to the {where} with a {what}".split()
    kind = random.randrange(3)
    u2 = [f"where is {who}", f"who was there at the {where}", f"what did {who} take"][kind].split()
    u3 = [f"i think at the {where}", f"{who} was there", f"a {what} i think"][kind].split()
    if random.random() < 0.05:
        u3 = "nothing".split()
    return [[stoi[w] for w in noise(u, p)] for u, p in ((u1, .25), (u2, .25), (u3, .08))]


class Dialogues(Dataset):
    def __init__(self, n):
        self.d = [make_dialogue() for _ in range(n)]

    def __len__(self):
        return len(self.d)

    def __getitem__(self, i):
        u1, u2, u3 = self.d[i]
        return u1, u2, [BOS] + u3 + [EOS]


def by_length(lens):
    return sorted(range(len(lens)), key=lambda j: -lens[j])


def custom_collate_fn(batch):
    us = list(zip(*batch))
    order = by_length([len(u) for u in us[0]])
    out = []
    for u in us:
        if FORM == "faulty":
            order = by_length([len(s) for s in u])   # pack_padded_sequence wants them by length
        u = [torch.tensor(u[j]) for j in order]
        out.append((pad_sequence(u, batch_first=True), torch.tensor([len(s) for s in u])))
    return out


class UtteranceEncoder(nn.Module):
    def __init__(self, emb, hid):
        super().__init__()
        self.emb = emb
        self.rnn = nn.GRU(emb.embedding_dim, hid, batch_first=True)

    def forward(self, x, lens):
        p = pack_padded_sequence(self.emb(x), lens, batch_first=True, enforce_sorted=False)
        return self.rnn(p)[1][-1]


class HRED(nn.Module):
    def __init__(self, hid=64, e=32):
        super().__init__()
        self.emb = nn.Embedding(V, e, padding_idx=PAD)
        self.utt = UtteranceEncoder(self.emb, hid)
        self.ses = nn.GRU(hid, hid, batch_first=True)
        self.dec = nn.GRU(e + hid, hid, batch_first=True)
        self.out = nn.Linear(hid, V)

    def forward(self, b, dec_in):
        (x1, l1), (x2, l2) = b
        ctx = torch.stack([self.utt(x1, l1), self.utt(x2, l2)], 1)
        s = self.ses(ctx)[1]
        e = self.emb(dec_in)
        h, _ = self.dec(torch.cat([e, s[-1].unsqueeze(1).expand(-1, e.size(1), -1)], -1), s)
        return self.out(h)


train_loader = DataLoader(Dialogues(3000), batch_size=50, shuffle=True, collate_fn=custom_collate_fn)
valid_loader = DataLoader(Dialogues(500), batch_size=50, shuffle=False, collate_fn=custom_collate_fn)

model = HRED()
crit = nn.CrossEntropyLoss(ignore_index=PAD)
optim = torch.optim.Adam(model.parameters(), 4e-3)
sched = torch.optim.lr_scheduler.StepLR(optim, 4, 0.3)
wr = DiagWriter(LOGDIR)
wr.watch(model, optim, crit)


def step(batch):
    b1, b2, (y, _) = batch
    logits = model((b1, b2), y[:, :-1])
    gold = y[:, 1:]
    loss = crit(logits.reshape(-1, V), gold.reshape(-1))
    m = gold != PAD
    return loss, ((logits.argmax(-1) == gold) & m).sum().item(), m.sum().item()


for ep in range(7):
    model.train()
    tl = 0
    for batch in train_loader:
        optim.zero_grad()
        loss, _, _ = step(batch)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optim.step()
        tl += loss.item()
    sched.step()
    model.eval()
    vl = ok = n = 0
    with torch.no_grad(), wr.evaluating("val"):
        for batch in valid_loader:
            loss, c, m = step(batch)
            vl += loss.item(); ok += c; n += m
    print("epoch %d  train %.3f  valid %.3f  token acc %.3f" % (
        ep + 1, tl / len(train_loader), vl / len(valid_loader), ok / n))
wr.close()
print(f"RESULT train_loss={tl / len(train_loader):.4f} val_loss={vl / len(valid_loader):.4f} val_token_acc={ok / n:.4f}")
