"""Grapheme-to-phoneme with a GRU encoder / Luong attention decoder.

usage: python g2p_luong_attention.py {faulty,fixed} LOGDIR
"""
import random
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(7)
random.seed(7)
torch.set_num_threads(1)

# ---------------------------------------------------------------- pseudo language
VOWELS = "aeiou"
CONS = "bcdfghklmnprstvz"
DIGRAPH = {"sh": "S", "ch": "C", "th": "T", "ph": "f", "ng": "N"}
PHON = sorted(set("AEIOUaeiou@kgsbdfhlmnprtvzSCTNj"))
PAD, BOS, EOS = 0, 1, 2
g2i = {c: i + 3 for i, c in enumerate(VOWELS + CONS)}
p2i = {c: i + 3 for i, c in enumerate(PHON)}


def make_word():
    w = ""
    for _ in range(random.randint(3, 5)):
        w += random.choice(list(CONS) + list(DIGRAPH) * 2) + random.choice(VOWELS)
        if random.random() < 0.3:
            w += random.choice("nrlst")
    if random.random() < 0.3:
        w += "e"                     # silent e
    return w


def pronounce(w):
    out, i = [], 0
    while i < len(w):
        if w[i:i + 2] in DIGRAPH:
            out.append(DIGRAPH[w[i:i + 2]])
            i += 2
            continue
        c = w[i]
        nxt = w[i + 1] if i + 1 < len(w) else ""
        if c == "c":
            c = "s" if nxt in ("e", "i") else "k"
        elif c == "g" and nxt in ("e", "i"):
            c = "j"
        elif c == "e" and i == len(w) - 1:
            i += 1
            continue
        elif c in VOWELS:
            # long before single consonant + vowel
            if i + 2 < len(w) and w[i + 2] in VOWELS and nxt not in VOWELS:
                c = c.upper()
            elif random.random() < 0.06:   # reduced vowels, not predictable
                c = "@"
        out.append(c)
        i += 1
    return out


def build(n):
    pairs = []
    for _ in range(n):
        w = make_word()
        pairs.append(([g2i[c] for c in w] + [EOS], [p2i[p] for p in pronounce(w)] + [EOS]))
    return pairs


def collate(pairs):
    ml = max(len(s) for s, _ in pairs)
    mt = max(len(t) for _, t in pairs)
    src = torch.zeros(len(pairs), ml, dtype=torch.long)
    tgt = torch.zeros(len(pairs), mt, dtype=torch.long)
    for i, (s, t) in enumerate(pairs):
        src[i, :len(s)] = torch.tensor(s)
        tgt[i, :len(t)] = torch.tensor(t)
    return src, tgt


class LuongAttention(nn.Module):
    def __init__(self, hid):
        super().__init__()
        self.W = nn.Linear(hid, 2 * hid, bias=False)

    def forward(self, dec_h, enc_out, mask):
        # dec_h (B,H), enc_out (B,T,2H)
        score = torch.bmm(self.W(dec_h).unsqueeze(1), enc_out.transpose(1, 2))     # (B,1,T)
        score = score.masked_fill(~mask.unsqueeze(1), -1e4)
        if mode == "faulty":
            weight = F.softmax(score, dim=1)
        else:
            weight = F.softmax(score, dim=2)
        return torch.bmm(weight, enc_out).squeeze(1)


class G2P(nn.Module):
    def __init__(self, emb=32, hid=48):
        super().__init__()
        self.src_emb = nn.Embedding(len(g2i) + 3, emb, padding_idx=PAD)
        self.tgt_emb = nn.Embedding(len(p2i) + 3, emb, padding_idx=PAD)
        self.encoder = nn.GRU(emb, hid, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(2 * hid, hid)
        self.attn = LuongAttention(hid)
        self.cell = nn.GRUCell(emb + 2 * hid, hid)
        self.out = nn.Linear(3 * hid, len(p2i) + 3)

    def forward(self, src, tgt):
        mask = src != PAD
        enc, h = self.encoder(self.src_emb(src))
        hid = torch.tanh(self.bridge(torch.cat([h[0], h[1]], 1)))
        inp = torch.cat([torch.full_like(tgt[:, :1], BOS), tgt[:, :-1]], 1)
        emb = self.tgt_emb(inp)
        ctx = self.attn(hid, enc, mask)
        logits = []
        for t in range(tgt.size(1)):
            hid = self.cell(torch.cat([emb[:, t], ctx], 1), hid)
            ctx = self.attn(hid, enc, mask)
            logits.append(self.out(torch.cat([hid, ctx], 1)))
        return torch.stack(logits, 1)


train, val = build(5000), build(600)
model = G2P()
criterion = nn.CrossEntropyLoss(ignore_index=PAD)
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

for epoch in range(8):
    model.train()
    random.shuffle(train)
    tot = 0
    nb = 0
    for i in range(0, len(train), 64):
        src, tgt = collate(train[i:i + 64])
        logits = model(src, tgt)
        loss = criterion(logits.view(-1, logits.size(-1)), tgt.view(-1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        tot += loss.item()
        nb += 1
    model.eval()
    vl, ok, words = 0.0, 0, 0
    with torch.no_grad(), writer.evaluating("val"):
        for i in range(0, len(val), 100):
            src, tgt = collate(val[i:i + 100])
            logits = model(src, tgt)
            vl += criterion(logits.view(-1, logits.size(-1)), tgt.view(-1)).item()
            hit = ((logits.argmax(-1) == tgt) | (tgt == PAD)).all(1)
            ok += hit.sum().item()
            words += len(hit)
    print(f"epoch {epoch}: train {tot / nb:.3f}  val {vl / (len(val) // 100):.3f}  word acc {ok / words:.3f}")
writer.close()
print(f"RESULT val_loss={vl / (len(val) // 100):.4f} word_acc={ok / words:.3f}")
