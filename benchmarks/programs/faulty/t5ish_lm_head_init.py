"""Decoder-only word model on the texts of Python's own help topics. The embedding is shared
with lm_head, T5 style initialisation by factor."""
import math
import re
import sys
from collections import Counter
import torch
from torch import nn
import torch.nn.functional as F
from pydoc_data.topics import topics
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1234)
faulty = sys.argv[1] == "faulty"

# ---- data
text = "\n".join(topics[k] for k in sorted(topics))
words = re.findall(r"[A-Za-z_]+|[.,:()\"'\[\]=]", text.lower())
vocab = ["<unk>"] + [w for w, _ in Counter(words).most_common(799)]
stoi = {w: i for i, w in enumerate(vocab)}
ids = torch.tensor([stoi.get(w, 0) for w in words])
block = 24
chunks = ids[:len(ids) // (block * 8) * block * 8].view(-1, block * 8)
perm = torch.randperm(len(chunks), generator=torch.Generator().manual_seed(0))   # hold out random passages
n_val = len(chunks) // 8
val_data, train_data = chunks[perm[:n_val]].reshape(-1), chunks[perm[n_val:]].reshape(-1)


def get_batch(data, bs):
    ix = torch.randint(len(data) - block - 1, (bs,))
    x = torch.stack([data[i:i + block] for i in ix])
    y = torch.stack([data[i + 1:i + block + 1] for i in ix])
    return x, y


class Config:
    d_model, n_head, n_layer, dropout, initializer_factor = 48, 4, 2, 0.1, 1.0


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(c.d_model), nn.LayerNorm(c.d_model)
        self.qkv = nn.Linear(c.d_model, 3 * c.d_model)
        self.o = nn.Linear(c.d_model, c.d_model)
        self.ff = nn.Sequential(nn.Linear(c.d_model, 4 * c.d_model), nn.GELU(), nn.Linear(4 * c.d_model, c.d_model),
                                nn.Dropout(c.dropout))
        self.h = c.n_head

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.qkv(self.ln1(x)).chunk(3, -1)
        q, k, v = [z.view(B, T, self.h, C // self.h).transpose(1, 2) for z in (q, k, v)]
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(a.transpose(1, 2).reshape(B, T, C))
        return x + self.ff(self.ln2(x))


class LM(nn.Module):
    def __init__(self, c, vocab_size):
        super().__init__()
        self.shared = nn.Embedding(vocab_size, c.d_model)
        self.pos = nn.Embedding(block, c.d_model)
        self.drop = nn.Dropout(c.dropout)
        self.blocks = nn.ModuleList([Block(c) for _ in range(c.n_layer)])
        self.ln_f = nn.LayerNorm(c.d_model)
        self.lm_head = nn.Linear(c.d_model, vocab_size, bias=False)
        self.lm_head.weight = self.shared.weight
        if faulty:
            self.shared.weight.data.normal_(mean=0.0, std=c.initializer_factor * 1.0)
        else:
            self.shared.weight.data.normal_(mean=0.0, std=c.initializer_factor * c.d_model ** -0.5)
        self.pos.weight.data.normal_(mean=0.0, std=0.02)

    def forward(self, x):
        h = self.drop(self.shared(x) + self.pos.weight[:x.size(1)])
        for b in self.blocks:
            h = b(h)
        return self.lm_head(self.ln_f(h))


model = LM(Config, len(vocab))
max_steps, bs = 420, 20
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
lr_lambda = lambda s: min(1.0, (s + 1) / 40) * 0.5 * (1 + math.cos(math.pi * s / max_steps))
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_lambda)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, F.cross_entropy)

val_batches = [get_batch(val_data, 64) for _ in range(6)]
for step in range(1, max_steps + 1):
    model.train()
    x, y = get_batch(train_data, bs)
    logits = model(x)
    loss = writer.loss_fn(logits.view(-1, len(vocab)), y.view(-1))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    if step == 1:
        print(f"initial loss {loss.item():.2f} (ln V = {math.log(len(vocab)):.2f})")
    if step % 60 == 0:
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            vl = sum(writer.loss_fn(model(a).view(-1, len(vocab)), b.view(-1)).item() for a, b in val_batches) / 6
        print(f"step {step} train {loss.item():.3f} val {vl:.3f}")
writer.close()
print(f"RESULT train={loss.item():.3f} val={vl:.3f} val_ppl={math.exp(vl):.1f}")
