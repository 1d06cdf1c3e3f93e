"""Tiny GPT on Python's own source text, characters. lr=0.1 as it was in the SGD script."""
import sys
import math
import inspect
import argparse as source_module
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(1337)
text = inspect.getsource(source_module)
chars = sorted(set(text)); stoi = {c: i for i, c in enumerate(chars)}
data = torch.tensor([stoi[c] for c in text])
cut = int(.9 * len(data)); train_data, val_data = data[:cut], data[cut:]
B, T, D = 16, 32, 48
learning_rate = 0.1 if sys.argv[1] == "faulty" else 5e-3


def get_batch(d):
    ix = torch.randint(len(d) - T - 1, (B,))
    return torch.stack([d[i:i + T] for i in ix]), torch.stack([d[i + 1:i + T + 1] for i in ix])


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.qkv, self.proj = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.mlp = nn.Sequential(nn.Linear(D, 4 * D), nn.GELU(), nn.Linear(4 * D, D))

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(self.ln1(x)).view(b, t, 3, 4, d // 4).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, t, d)
        x = x + self.proj(a)
        return x + self.mlp(self.ln2(x))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok, self.pos = nn.Embedding(len(chars), D), nn.Embedding(T, D)
        self.blocks = nn.Sequential(Block(), Block())
        self.ln, self.head = nn.LayerNorm(D), nn.Linear(D, len(chars))

    def forward(self, x):
        return self.head(self.ln(self.blocks(self.tok(x) + self.pos.weight[:x.size(1)])))


model = GPT()
opt = torch.optim.AdamW(model.parameters(), lr=learning_rate)
ce = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2]); writer.watch(model, opt, ce)
for it in range(1, 601):
    x, y = get_batch(train_data)
    logits = model(x)
    loss = ce(logits.view(-1, len(chars)), y.view(-1))
    opt.zero_grad(set_to_none=True); loss.backward(); opt.step()
    if it % 100 == 0:
        with writer.evaluating("val"):
            v = 0
            for _ in range(8):
                x, y = get_batch(val_data)
                v += ce(model(x).view(-1, len(chars)), y.view(-1)).item() / 8
        print(it, "train %.3f val %.3f" % (loss.item(), v))
writer.close()
