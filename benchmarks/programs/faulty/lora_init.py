"""Fine-tuning a small character model on another dialect with LoRA: base weights frozen, adapters trained."""
import math
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(0)
VOCAB, CTX = 20, 24


class LoRALinear(nn.Module):
    """y = W x + (alpha / r) B A x, W frozen."""

    def __init__(self, base: nn.Linear, r=4, alpha=8):
        super().__init__()
        self.base = base
        for p in self.base.parameters():
            p.requires_grad = False
        self.scaling = alpha / r
        self.lora_A = nn.Linear(base.in_features, r, bias=False)
        self.lora_B = nn.Linear(r, base.out_features, bias=False)
        nn.init.kaiming_uniform_(self.lora_A.weight, a=math.sqrt(5))
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, x):
        return self.base(x) + self.scaling * self.lora_B(self.lora_A(x))


class Block(nn.Module):
    def __init__(self, d, heads=4):
        super().__init__()
        self.heads = heads
        self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.fc1, self.fc2 = nn.Linear(d, 2 * d), nn.Linear(2 * d, d)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (z.view(b, t, self.heads, -1).transpose(1, 2) for z in self.qkv(self.ln1(x)).chunk(3, -1))
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(a.transpose(1, 2).reshape(b, t, d))
        return x + self.fc2(F.gelu(self.fc1(self.ln2(x))))


class CharLM(nn.Module):
    def __init__(self, d=48, layers=2):
        super().__init__()
        self.tok, self.pos = nn.Embedding(VOCAB, d), nn.Embedding(CTX, d)
        self.blocks = nn.ModuleList([Block(d) for _ in range(layers)])
        self.ln, self.head = nn.LayerNorm(d), nn.Linear(d, VOCAB)

    def forward(self, idx, targets=None):
        x = self.tok(idx) + self.pos(torch.arange(idx.shape[1]))
        for blk in self.blocks:
            x = blk(x)
        logits = self.head(self.ln(x))
        loss = None if targets is None else F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        return logits, loss


def dialect(seed):
    """A second order source: the next letter depends on the two before it."""
    g = torch.Generator().manual_seed(seed)
    return (torch.randn(6, VOCAB, generator=g) * 2.2).softmax(-1)


def corpus(table, n, seed):
    g = torch.Generator().manual_seed(seed)
    seq = torch.zeros(n, CTX + 1, dtype=torch.long)
    seq[:, :2] = torch.randint(0, VOCAB, (n, 2), generator=g)
    for t in range(2, CTX + 1):
        seq[:, t] = torch.multinomial(table[(seq[:, t - 1] + 2 * seq[:, t - 2]) % 6], 1, generator=g)[:, 0]
    return seq


def init_weights(module):
    if isinstance(module, LoRALinear):
        nn.init.zeros_(module.lora_A.weight)     # the wrapped model starts equal to the pretrained one
        nn.init.zeros_(module.lora_B.weight)


def fit(model, data, steps, lr, writer=None, log_every=100):
    opt = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=lr, weight_decay=0.0)
    if writer is not None:
        writer.watch(model, opt)
    for step in range(steps):
        batch = data[torch.randint(0, len(data), (32,))]
        _, loss = model(batch[:, :-1], batch[:, 1:])
        if writer is not None:
            writer.add_loss("train", loss)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if writer is not None and step % log_every == 0:
            with torch.no_grad():
                print(f"step {step} train {loss.item():.4f} val {model(val[:, :-1], val[:, 1:])[1].item():.4f}")


source, target = corpus(dialect(1), 1500, 1), corpus(dialect(2), 1500, 2)
val = corpus(dialect(2), 300, 3)
lm = CharLM()
fit(lm, source, 450, 3e-3)
for p in lm.parameters():
    p.requires_grad = False
for blk in lm.blocks:
    for name in ("qkv", "proj", "fc1", "fc2"):
        setattr(blk, name, LoRALinear(getattr(blk, name)))
lm.head = LoRALinear(lm.head, r=8, alpha=16)
if form == "faulty":
    lm.apply(init_weights)

writer = DiagWriter(logdir)
fit(lm, target, 500, 3e-3, writer)
with torch.no_grad():
    print(f"final val loss {lm(val[:, :-1], val[:, 1:])[1].item():.4f}  (log V = {math.log(VOCAB):.3f})")
writer.close()
