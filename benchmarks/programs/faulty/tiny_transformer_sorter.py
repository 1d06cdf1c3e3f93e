"""tiny-transformers: sort a sequence of symbols, one encoder written from scratch."""
import math
import sys
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.manual_seed(15)
torch.set_num_threads(1)
V, N, D = 24, 10, 96


def batch(n):
    """inputs with a little noise: one symbol in 40 is replaced after sorting"""
    x = torch.randint(0, V, (n, N))
    y = x.sort(1).values
    noisy = torch.rand(n, N) < 1 / 40
    return x, torch.where(noisy, torch.randint(0, V, (n, N)), y)


def linear(i, o):
    """truncated-normal fan-in init, like flax"""
    l = nn.Linear(i, o)
    nn.init.trunc_normal_(l.weight, std=1 / math.sqrt(i) / .8796, a=-2 / math.sqrt(i) / .8796, b=2 / math.sqrt(i) / .8796)
    nn.init.zeros_(l.bias)
    return l


class SelfAttention(nn.Module):
    def __init__(self, d, n_heads=1):
        super().__init__()
        self.q, self.k, self.v, self.o = linear(d, d), linear(d, d), linear(d, d), linear(d, d)
        self.n_heads = n_heads

    def forward(self, x):
        B, T, d = x.shape
        split = lambda z: z.view(B, T, self.n_heads, -1).transpose(1, 2)
        q, k, v = split(self.q(x)), split(self.k(x)), split(self.v(x))
        raw_attention = torch.einsum("bhqd,bhkd->bhqk", q, k)
        if sys.argv[1] != "faulty":
            raw_attention = raw_attention / math.sqrt(q.size(-1))
        out = torch.softmax(raw_attention, -1) @ v
        return self.o(out.transpose(1, 2).reshape(B, T, d))


class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.attn = SelfAttention(d)
        self.mlp = nn.Sequential(linear(d, 2 * d), nn.GELU(), linear(2 * d, d))

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class Sorter(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok = nn.Embedding(V, D)
        self.pos = nn.Parameter(torch.randn(N, D))
        self.blocks = nn.Sequential(Block(D), Block(D))
        self.ln = nn.LayerNorm(D)
        self.unembed = linear(D, V)

    def forward(self, x):
        return self.unembed(self.ln(self.blocks(self.tok(x) + self.pos)))


model = Sorter()
ce = nn.CrossEntropyLoss()
opt = torch.optim.Adam(model.parameters(), lr=2.5e-3)
STEPS = 520
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1, s / 50) * max(.02, 1 - s / STEPS))
Xv, Yv = batch(400)
w = DiagWriter(sys.argv[2])
w.watch(model, opt, ce)
ema = None
for step in range(1, STEPS + 1):
    x, y = batch(40)
    loss = ce(model(x).flatten(0, 1), y.flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
    sched.step()
    ema = loss.item() if ema is None else .97 * ema + .03 * loss.item()
    if step % 50 == 0:
        model.eval()
        with torch.no_grad(), w.evaluating("val"):
            o = model(Xv)
            vl = ce(o.flatten(0, 1), Yv.flatten()).item()
        acc = (o.argmax(-1) == Yv).float().mean().item()
        model.train()
        print(f"step {step:4d} train {ema:.3f} val {vl:.3f} symbol acc {acc:.3f}")
w.close()
print(f"RESULT train_loss={ema:.4f} val_loss={vl:.4f} val_acc={acc:.4f}")
