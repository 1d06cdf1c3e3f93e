import math
import random
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(5)
random.seed(5)

MONTHS = "january february march april may june july august september october november december".split()
i_chars = ["<PAD>"] + sorted(set("".join(MONTHS) + "0123456789 ,"))
o_chars = ["<PAD>", "<S>", "</S>"] + list("0123456789-")
i_tok = {c: i for i, c in enumerate(i_chars)}
o_tok = {c: i for i, c in enumerate(o_chars)}


def sample():
    y, m, d = random.randint(1950, 2029), random.randint(1, 12), random.randint(1, 28)
    src = random.choice([f"{d} {MONTHS[m - 1]} {y}", f"{MONTHS[m - 1]} {d}, {y}"])
    return src, f"{y}-{m:02d}-{d:02d}"


def encode(pairs):
    width = max(len(s) for s, _ in pairs)
    src = torch.tensor([[i_tok[c] for c in s] + [0] * (width - len(s)) for s, _ in pairs])
    tgt = torch.tensor([[1] + [o_tok[c] for c in t] + [2] for _, t in pairs])
    return src, tgt


def positions(length, d):
    pos = torch.arange(length).unsqueeze(1)
    div = torch.exp(torch.arange(0, d, 2) * (-math.log(10000.0) / d))
    pe = torch.zeros(length, d)
    pe[:, 0::2], pe[:, 1::2] = torch.sin(pos * div), torch.cos(pos * div)
    return pe


class Transformer(nn.Module):
    def __init__(self, d_model=48, heads=4, d_inner=96):
        super().__init__()
        self.i_emb = nn.Embedding(len(i_chars), d_model, padding_idx=0)
        self.o_emb = nn.Embedding(len(o_chars), d_model, padding_idx=0)
        self.register_buffer("pe", positions(40, d_model))
        self.encoder = nn.TransformerEncoderLayer(d_model, heads, d_inner, dropout=0.0, batch_first=True)
        self.decoder = nn.TransformerDecoderLayer(d_model, heads, d_inner, dropout=0.0, batch_first=True)
        self.target_layer = nn.Linear(d_model, len(o_chars), bias=False)

    def forward(self, src, tgt):
        pad = src == 0
        memory = self.encoder(self.i_emb(src) + self.pe[:src.shape[1]], src_key_padding_mask=pad)
        n = tgt.shape[1]
        ahead = torch.triu(torch.ones(n, n, dtype=torch.bool), 1)
        out = self.decoder(self.o_emb(tgt) + self.pe[:n], memory, tgt_mask=ahead, memory_key_padding_mask=pad)
        out = self.target_layer(out)
        if form == "faulty":
            out = F.softmax(out, dim=-1)
        return out


def get_loss(y_pred, y_true):
    return F.cross_entropy(y_pred.flatten(0, 1), y_true.flatten(), ignore_index=0)


train_pairs, val_pairs = [sample() for _ in range(6000)], [sample() for _ in range(400)]
s2s = Transformer()
opt = torch.optim.Adam(s2s.parameters(), lr=2e-3, betas=(0.9, 0.98), eps=1e-9)
schedule = torch.optim.lr_scheduler.LambdaLR(opt, lambda step: min(1.0, (step + 1) / 60))
writer = DiagWriter(logdir)
writer.watch(s2s, opt, get_loss)

vs, vt = encode(val_pairs)
for epoch in range(7):
    random.shuffle(train_pairs)
    s2s.train()
    losses = []
    for k in range(0, len(train_pairs), 64):
        src, tgt = encode(train_pairs[k:k + 64])
        loss = get_loss(s2s(src, tgt[:, :-1]), tgt[:, 1:])
        opt.zero_grad()
        loss.backward()
        opt.step()
        schedule.step()
        losses.append(loss.item())
    with writer.evaluating("val"):
        y_pred = s2s(vs, vt[:, :-1])
        val_loss = get_loss(y_pred, vt[:, 1:]).item()
        accu = (y_pred.argmax(-1) == vt[:, 1:]).float().mean().item()
        exact = (y_pred.argmax(-1) == vt[:, 1:]).all(1).float().mean().item()
    print(f"Epoch {epoch + 1} loss: {sum(losses) / len(losses):.4f} val_loss: {val_loss:.4f} val_accu: {accu:.4f}")

writer.close()
print(f"RESULT val_accu={accu:.4f} exact={exact:.4f} val_loss={val_loss:.4f}")
