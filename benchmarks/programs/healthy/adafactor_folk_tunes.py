"""Next-note model of (made-up) folk tunes, small decoder-only transformer trained with Adafactor:
relative steps min(lr, 1/sqrt(t)) times the RMS of each weight, factored second moments.
The lr=0.03 in the constructor is relative to the size of the weights. Tunes are random, so perplexity has a floor."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(5)
rng = np.random.default_rng(5)

# tokens: 0 bar line, 1..14 scale degrees (two octaves), 15 rest, 16 end
V, CTX = 17, 32


def tune():
    """A A' B A' in four-note bars; random walk with leaps on the chord of the bar"""
    chords = {0: [1, 3, 5, 8, 10], 1: [4, 6, 8, 11, 13], 2: [5, 7, 9, 12, 14]}

    def phrase():
        pos, out = int(rng.integers(3, 9)), []
        for c in rng.choice(3, 3, p=[.5, .25, .25]).tolist() + [0]:
            for k in range(4):
                if k == 0 and rng.random() < .85:
                    ch = np.array(chords[c])
                    pos = int(ch[np.abs(ch - pos + rng.normal(0, .7, len(ch))).argmin()])
                else:
                    pos = int(np.clip(pos + rng.choice([-2, -1, 1, 2], p=[.15, .35, .35, .15]), 1, 14))
                out.append(15 if rng.random() < .04 else pos)
            out.append(0)
        return out
    a, b = phrase(), phrase()
    vary = lambda p: [int(np.clip(n + rng.choice([-1, 1]), 1, 14)) if 0 < n < 15 and rng.random() < .1 else n for n in p]
    return vary(a) + vary(a) + b + vary(a) + [16]


song = np.concatenate([tune() for _ in range(1300)])
split = int(.9 * len(song))
train, valid = torch.tensor(song[:split]), torch.tensor(song[split:])


class Block(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.h = h
        self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.o = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.ff = nn.Sequential(nn.Linear(d, 3 * d), nn.GELU(), nn.Linear(3 * d, d))

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (z.view(b, t, self.h, -1).transpose(1, 2) for z in self.qkv(self.n1(x)).chunk(3, -1))
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, t, d)
        x = x + self.o(a)
        return x + self.ff(self.n2(x))


class TuneLM(nn.Module):
    def __init__(self, d=48, h=4, layers=2):
        super().__init__()
        self.tok, self.pos = nn.Embedding(V, d), nn.Embedding(CTX, d)
        nn.init.normal_(self.tok.weight, std=.3)
        nn.init.normal_(self.pos.weight, std=.1)
        self.blocks = nn.Sequential(*[Block(d, h) for _ in range(layers)])
        self.norm, self.out = nn.LayerNorm(d), nn.Linear(d, V, bias=False)

    def forward(self, i):
        x = self.tok(i) + self.pos.weight[:i.shape[1]]
        return self.out(self.norm(self.blocks(x))).flatten(0, 1)


STEPS, BATCH = 400, 32
model = TuneLM()
loss_fn = nn.CrossEntropyLoss()
opt = torch.optim.Adafactor(model.parameters(), lr=.03)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, loss_fn)


def batch(src, n, gen=None):
    s = torch.randint(0, len(src) - CTX - 1, (n,), generator=gen)
    w = torch.stack([src[i:i + CTX + 1] for i in s])
    return w[:, :-1], w[:, 1:].flatten()


run = None
for step in range(1, STEPS + 1):
    x, y = batch(train, BATCH)
    loss = loss_fn(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    run = loss.item() if run is None else .97 * run + .03 * loss.item()
    if step % 50 == 0:
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            x, y = batch(valid, 256, torch.Generator().manual_seed(0))
            v = loss_fn(model(x), y).item()
        model.train()
        print(f"step {step}: train {run:.3f}, valid {v:.3f}, ppl {np.exp(v):.2f}")
writer.close()
print(f"RESULT train {run:.4f} val {v:.4f} ppl {np.exp(v):.3f}")
