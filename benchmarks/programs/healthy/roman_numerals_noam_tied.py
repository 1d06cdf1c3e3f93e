"""Arabic -> Roman numerals with a small encoder-decoder Transformer.

Everything of 'Attention is all you need' in small: label smoothing 0.1, Noam warm-up, tied embeddings scaled by sqrt(d), teacher forcing.
Because of the smoothing the loss cannot come near zero.
"""
import sys

import torch
import torch.nn as nn

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)

VOC = ["<pad>", "<s>", "</s>"] + list("0123456789") + list("IVXLCDM")
STOI = {c: i for i, c in enumerate(VOC)}


def roman(n):
    out = ""
    for v, s in [(1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]:
        while n >= v:
            out, n = out + s, n - v
    return out


def pad(ids, n):
    return ids + [0] * (n - len(ids))


numbers = torch.randperm(3999) + 1
src = torch.tensor([pad([STOI[c] for c in str(n)], 4) for n in numbers.tolist()])
tgt = torch.tensor([pad([1] + [STOI[c] for c in roman(n)] + [2], 18) for n in numbers.tolist()])
train_n = 3200


class Seq2Seq(nn.Module):
    def __init__(self, d=64, heads=4, layers=2):
        super().__init__()
        self.d = d
        self.emb = nn.Embedding(len(VOC), d, padding_idx=0)
        nn.init.normal_(self.emb.weight, std=d ** -0.5)
        self.pos_s, self.pos_t = nn.Parameter(torch.randn(4, d) * 0.1), nn.Parameter(torch.randn(18, d) * 0.1)
        self.core = nn.Transformer(d, heads, layers, layers, 2 * d, dropout=0.05, batch_first=True)
        self.proj = nn.Linear(d, len(VOC), bias=False)
        self.proj.weight = self.emb.weight

    def forward(self, s, t):
        L = t.shape[1]
        causal = torch.triu(torch.ones(L, L, dtype=torch.bool), 1)
        h = self.core(self.emb(s) * self.d ** 0.5 + self.pos_s, self.emb(t) * self.d ** 0.5 + self.pos_t[:L], tgt_mask=causal,
                      src_key_padding_mask=s == 0, memory_key_padding_mask=s == 0)
        return self.proj(h)


model = Seq2Seq()
criterion = nn.CrossEntropyLoss(ignore_index=0, label_smoothing=0.1)
optimizer = torch.optim.Adam(model.parameters(), lr=1.0, betas=(0.9, 0.98), eps=1e-9)
warmup, factor = 100, 0.2
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: factor * model.d ** -0.5 * min((s + 1) ** -0.5, (s + 1) * warmup ** -1.5))
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

sv, tv = src[train_n:], tgt[train_n:]
hist = []
for step in range(1, 701):
    model.train()
    i = torch.randint(train_n, (64,))
    s, t = src[i], tgt[i]
    loss = criterion(model(s, t[:, :-1]).flatten(0, 1), t[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 100 == 0:
        with writer.evaluating("val"):
            o = model(sv, tv[:, :-1])
            v = criterion(o.flatten(0, 1), tv[:, 1:].flatten()).item()
        ok = ((o.argmax(-1) == tv[:, 1:]) | (tv[:, 1:] == 0)).all(1).float().mean().item()
        hist.append(v)
        print(f"step {step} train {loss.item():.4f} val {v:.4f} whole sequence right (teacher forced) {ok:.4f}")


@torch.no_grad()
def translate(s):
    model.eval()
    t = torch.ones(len(s), 1, dtype=torch.long)
    for _ in range(17):
        t = torch.cat([t, model(s, t)[:, -1:].argmax(-1)], 1)
    return t


pred = translate(sv)
exact = 0
for p, q in zip(pred.tolist(), tv.tolist()):
    cut = lambda z: z[1:z.index(2)] if 2 in z else z
    exact += cut(p) == cut(q)
K = len(VOC)
import math
floor = -(0.9 + 0.1 / K) * math.log(0.9 + 0.1 / K) - (K - 1) * (0.1 / K) * math.log(0.1 / K)
writer.close()
print(f"RESULT exact_match {exact / len(tv):.4f} val_loss {hist[-1]:.4f} val_min {min(hist):.4f} smoothing_floor {floor:.4f}")
