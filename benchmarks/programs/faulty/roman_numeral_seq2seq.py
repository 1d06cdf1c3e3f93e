"""GRU encoder-decoder that learns to write numbers in Roman numerals (tutorial style)."""
import argparse
import random
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

p = argparse.ArgumentParser()
p.add_argument("form")
p.add_argument("logdir")
a = p.parse_args()
N_EPOCHS = 3 if a.form == "faulty" else 30
random.seed(0)
torch.manual_seed(0)
torch.set_num_threads(1)

SYM = "MDCLXVI"
PAIRS = [(1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"),
         (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]
PAD, SOS, EOS = 0, 8, 9


def roman(n):
    s = ""
    for v, r in PAIRS:
        while n >= v:
            s += r
            n -= v
    return s


numbers = list(range(1, 4000))
random.shuffle(numbers)
src = torch.tensor([[int(c) for c in f"{n:04d}"] for n in numbers])
tgt = torch.zeros(len(numbers), 17, dtype=torch.long)
for i, n in enumerate(numbers):
    ids = [SOS] + [SYM.index(c) + 1 for c in roman(n)] + [EOS]
    tgt[i, :len(ids)] = torch.tensor(ids)
n_test = 600
src_te, tgt_te, src_tr, tgt_tr = src[:n_test], tgt[:n_test], src[n_test:], tgt[n_test:]


class Seq2Seq(nn.Module):
    def __init__(self, h=64):
        super().__init__()
        self.enc_emb = nn.Embedding(10, 16)
        self.encoder = nn.GRU(16, h, batch_first=True)
        self.dec_emb = nn.Embedding(10, 16)
        self.decoder = nn.GRU(16, h, batch_first=True)
        self.fc = nn.Linear(h, 10)

    def forward(self, s, t):
        _, hid = self.encoder(self.enc_emb(s))
        out, _ = self.decoder(self.dec_emb(t), hid)
        return self.fc(out).transpose(1, 2)

    @torch.no_grad()
    def translate(self, s):
        _, hid = self.encoder(self.enc_emb(s))
        tok = torch.full((len(s), 1), SOS)
        res = []
        for _ in range(16):
            out, hid = self.decoder(self.dec_emb(tok), hid)
            tok = self.fc(out).argmax(-1)
            res.append(tok)
        return torch.cat(res, 1)


model = Seq2Seq()
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
crit = nn.CrossEntropyLoss(ignore_index=PAD)
writer = DiagWriter(a.logdir)
writer.watch(model, opt, crit)
for ep in range(N_EPOCHS):
    model.train()
    idx = torch.randperm(len(src_tr))
    for chunk in idx.split(64):
        opt.zero_grad()
        loss = crit(model(src_tr[chunk], tgt_tr[chunk][:, :-1]), tgt_tr[chunk][:, 1:])
        loss.backward()
        opt.step()
    with writer.evaluating("val"):
        v = crit(model(src_te, tgt_te[:, :-1]), tgt_te[:, 1:]).item()
    print("epoch", ep, "train", round(loss.item(), 4), "val", round(v, 4))
writer.close()
pred = model.translate(src_te)
gold = tgt_te[:, 1:]
ok = ((pred == gold) | (gold == PAD)).all(1).float().mean().item()
print("RESULT exact_match", round(ok, 4), "val_loss", round(v, 4))
