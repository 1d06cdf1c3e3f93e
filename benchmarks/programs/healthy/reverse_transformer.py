"""Encoder that sorts variable-length token sequences; padding masked in attention and in the loss; warm-up + cosine."""
import sys, math
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)
PAD, V, L = 0, 12, 10
LR = 3e-3
STEPS, WARMUP = 1200, 100


def get_batch(n):
    x = torch.randint(1, V, (n, L)); ln = torch.randint(4, L + 1, (n,))
    pad = torch.arange(L)[None] >= ln[:, None]
    y = x.masked_fill(pad, 99).sort(1).values
    return x.masked_fill(pad, PAD), y.masked_fill(pad, -100), pad


class Sorter(nn.Module):
    def __init__(self, d=48):
        super().__init__()
        self.tok, self.pos = nn.Embedding(V, d, padding_idx=PAD), nn.Parameter(torch.randn(1, L, d) * .02)
        layer = nn.TransformerEncoderLayer(d, 4, 96, dropout=0.0, batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(d, V)

    def forward(self, x, pad):
        return self.head(self.enc(self.tok(x) + self.pos, src_key_padding_mask=pad))


model = Sorter()
opt = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0.01, betas=(.9, .98))
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1, (s + 1) / WARMUP) * (.5 + .5 * math.cos(math.pi * min(1, s / STEPS))))
crit = nn.CrossEntropyLoss(ignore_index=-100)
w = DiagWriter(sys.argv[1])
w.watch(model, opt, crit)
vx, vy, vp = get_batch(400)
for step in range(STEPS):
    x, y, pad = get_batch(64)
    opt.zero_grad(set_to_none=True)
    loss = crit(model(x, pad).flatten(0, 1), y.flatten())
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step(); sched.step()
    if step % 120 == 119:
        with w.evaluating("val"):
            o = model(vx, vp)
            v = crit(o.flatten(0, 1), vy.flatten()).item()
        m = vy >= 0
        acc = (o.argmax(-1) == vy)[m].float().mean().item()
print(f"train {loss.item():.4f} val {v:.4f} token acc {acc:.3f}")
w.close()
