"""Translate human dates into ISO dates ("Saturday, 3 May 1997" -> "1997-05-03"), the exercise of the sequence models course,
with an attention encoder/decoder instead of the Keras one.  Dates are generated."""
import datetime
import random
import sys

import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

FMT = ["%d %B %Y", "%A, %d %B %Y", "%b %d, %Y", "%d.%m.%Y", "%d/%m/%y", "%B %d %Y", "%d %b %Y", "%A %b %d %Y"]
CH = ["<pad>", "<s>"] + sorted(set("abcdefghijklmnopqrstuvwxyz0123456789 ,./-"))
ID = {c: i for i, c in enumerate(CH)}
OUT = ["<s>"] + list("0123456789-")
OID = {c: i for i, c in enumerate(OUT)}


def sample(rnd, n):
    xs, ys = [], []
    for _ in range(n):
        d = datetime.date(1970, 1, 1) + datetime.timedelta(days=rnd.randrange(18200))
        s = d.strftime(rnd.choice(FMT)).lower()
        xs.append([ID[c] for c in s][:30] + [0] * (30 - len(s)))
        ys.append([OID[c] for c in d.isoformat()])
    return torch.tensor(xs), torch.tensor(ys)


class Seq2Seq(nn.Module):
    def __init__(self, h=64):
        super().__init__()
        self.src = nn.Embedding(len(CH), 24, padding_idx=0)
        self.tgt = nn.Embedding(len(OUT), 16)
        self.enc = nn.GRU(24, h // 2, bidirectional=True, batch_first=True)
        self.dec = nn.GRU(16, h, batch_first=True)
        self.att = nn.Linear(h, h, bias=False)
        self.out = nn.Sequential(nn.Linear(2 * h, h), nn.Tanh(), nn.Linear(h, len(OUT)))

    def encode(self, x):
        H, hn = self.enc(self.src(x))
        return H, torch.cat([hn[0], hn[1]], -1)[None]

    def decode(self, y_in, H, mask, h0):
        D, hn = self.dec(self.tgt(y_in), h0)
        score = self.att(D) @ H.transpose(1, 2)
        score = score.masked_fill(mask[:, None], -1e9)
        c = score.softmax(-1) @ H
        return self.out(torch.cat([D, c], -1)), hn

    def forward(self, x, y):
        H, h0 = self.encode(x)
        y_in = torch.cat([torch.zeros_like(y[:, :1]), y[:, :-1]], 1)
        return self.decode(y_in, H, x == 0, h0)[0].transpose(1, 2)

    @torch.no_grad()
    def greedy(self, x):
        H, h = self.encode(x)
        tok, outs = torch.zeros(len(x), 1, dtype=torch.long), []
        for _ in range(10):
            lg, h = self.decode(tok, H, x == 0, h)
            tok = lg.argmax(-1)
            outs.append(tok)
        return torch.cat(outs, 1)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(5)
    rnd = random.Random(5)
    Xtr, Ytr = sample(rnd, 8000)
    Xva, Yva = sample(rnd, 400)
    net = Seq2Seq()
    optimizer = torch.optim.Adam(net.parameters(), lr=float(sys.argv[1]) if len(sys.argv) > 2 else 5e-3)
    criterion = nn.CrossEntropyLoss()
    writer = DiagWriter(sys.argv[-1])
    writer.watch(net, optimizer, criterion)
    step = 0
    for epoch in range(3):
        perm = torch.randperm(len(Xtr))
        for k in range(0, len(perm), 64):
            b = perm[k:k + 64]
            loss = criterion(net(Xtr[b], Ytr[b]), Ytr[b])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            step += 1
        net.eval()
        with writer.evaluating("val"):
            vl = criterion(net(Xva, Yva), Yva).item()
            exact = (net.greedy(Xva) == Yva).all(1).float().mean().item()
        net.train()
        print(f"epoch {epoch + 1} train {loss.item():.4f} val {vl:.4f} exact {exact:.3f}")
    writer.close()
    print(f"RESULT val_loss {vl:.4f} exact_match {exact:.4f}")
