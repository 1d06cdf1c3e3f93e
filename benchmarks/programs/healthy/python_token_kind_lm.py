# A language model of Python's grammar: the next token's kind (keyword, operator, NAME, NUMBER ...) from the tokens before.
import glob
import io
import keyword
import math
import os
import sys
import sysconfig
import tokenize

import torch
from torch import nn
from torch.nn import functional as F

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1234)

block, batch, width, heads, layers = 40, 24, 48, 4, 2
max_steps, eval_every, warmup = 700, 100, 60
max_lr, min_lr = 6e-3, 3e-4


def kinds(path):
    try:
        for t in tokenize.generate_tokens(io.StringIO(open(path, encoding="utf8").read()).readline):
            if t.type in (tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER):
                continue
            if t.type == tokenize.OP or keyword.iskeyword(t.string) or t.string in ("self", "None"):
                yield t.string
            else:
                yield tokenize.tok_name[t.type]
    except (SyntaxError, UnicodeDecodeError, tokenize.TokenError):
        return


std = sysconfig.get_paths()["stdlib"]
files = sorted(glob.glob(os.path.join(std, "*.py")))[:110]
streams = [list(kinds(f)) for f in files]
vocab = sorted({k for s in streams for k in s})
stoi = {k: i for i, k in enumerate(vocab)}
held_out = set(range(3, len(files), 8))
tens = lambda keep: torch.tensor([stoi[k] for i, s in enumerate(streams) if (i in held_out) != keep for k in s])
data = {"train": tens(True), "val": tens(False)}
print({k: len(v) for k, v in data.items()}, "tokens of", len(vocab), "kinds")


def get_batch(split, gen=None, n=batch):
    d = data[split]
    i = torch.randint(len(d) - block - 1, (n,), generator=gen)
    return torch.stack([d[j:j + block] for j in i]), torch.stack([d[j + 1:j + block + 1] for j in i])


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (z.view(b, t, heads, c // heads).transpose(1, 2) for z in self.qkv(self.ln1(x)).chunk(3, -1))
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(a.transpose(1, 2).reshape(b, t, c))
        return x + self.mlp(self.ln2(x))


class KindLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok, self.pos = nn.Embedding(len(vocab), width), nn.Embedding(block, width)
        self.blocks = nn.Sequential(*[Block() for _ in range(layers)])
        self.ln, self.head = nn.LayerNorm(width), nn.Linear(width, len(vocab))
        for p in (self.tok, self.pos):
            nn.init.normal_(p.weight, std=0.02)

    def forward(self, idx):
        return self.head(self.ln(self.blocks(self.tok(idx) + self.pos.weight[:idx.shape[1]])))


def loss_fn(logits, targets):
    return F.cross_entropy(logits.reshape(-1, logits.size(-1)), targets.reshape(-1))


def lr_at(step):
    if step < warmup:
        return max_lr * (step + 1) / warmup
    r = (step - warmup) / (max_steps - warmup)
    return min_lr + 0.5 * (1 + math.cos(math.pi * r)) * (max_lr - min_lr)


model = KindLM()
optimizer = torch.optim.AdamW(model.parameters(), lr=max_lr, weight_decay=0.05, betas=(0.9, 0.98))
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)
ema = None
for step in range(max_steps):
    for g in optimizer.param_groups:
        g["lr"] = lr_at(step)
    x, y = get_batch("train")
    loss = writer.loss_fn(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    ema = loss.item() if ema is None else 0.97 * ema + 0.03 * loss.item()
    if (step + 1) % eval_every == 0:
        model.eval()
        gen = torch.Generator().manual_seed(0)
        with torch.no_grad(), writer.evaluating("val"):
            val = sum(writer.loss_fn(model(a), b).item() for a, b in (get_batch("val", gen, 64) for _ in range(6))) / 6
        model.train()
        print(f"step {step + 1}: train {ema:.3f} val {val:.3f} lr {lr_at(step):.1e}")
writer.close()
print(f"RESULT train {ema:.4f} val {val:.4f} perplexity {math.exp(val):.2f} uniform {math.log(len(vocab)):.3f}")
