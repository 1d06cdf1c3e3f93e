# mini GPT, char level; init function in the manner of minGPT
import sys
import torch
import torch.nn as nn
from torch.nn import functional as F
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(1337)

import random
rnd = random.Random(3)
names = ["anna", "bert", "carla", "dieter", "emil", "frieda", "gustav", "hanna"]
verbs = {"sees": "bird", "eats": "apple", "reads": "book", "plays": "violin", "paints": "fence"}
text = ""
for _ in range(4000):
    v = rnd.choice(list(verbs))
    n = rnd.choice(names)
    text += f"{n} {v} the {rnd.choice(['old ', 'new ', ''])}{verbs[v]}" + rnd.choice([".\n", f" and {n} smiles.\n"])
chars = sorted(set(text)); stoi = {c: i for i, c in enumerate(chars)}
data = torch.tensor([stoi[c] for c in text])
cut = int(0.9 * len(data)); train, val = data[:cut], data[cut:]
block, n_embd, n_head, n_layer, bs = 48, 48, 4, 2, 24

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(n_embd), nn.LayerNorm(n_embd)
        self.qkv, self.proj = nn.Linear(n_embd, 3 * n_embd), nn.Linear(n_embd, n_embd)
        self.mlp = nn.Sequential(nn.Linear(n_embd, 4 * n_embd), nn.GELU(), nn.Linear(4 * n_embd, n_embd))
    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (t.view(B, T, n_head, C // n_head).transpose(1, 2) for t in self.qkv(self.ln1(x)).split(C, 2))
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, C)
        x = x + self.proj(a)
        return x + self.mlp(self.ln2(x))

class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok, self.pos = nn.Embedding(len(chars), n_embd), nn.Embedding(block, n_embd)
        self.blocks = nn.Sequential(*[Block() for _ in range(n_layer)])
        self.ln, self.head = nn.LayerNorm(n_embd), nn.Linear(n_embd, len(chars), bias=False)
        self.apply(self._init_weights)
    def _init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            if sys.argv[1] == "faulty":
                nn.init.normal_(module.weight, 0.02)
            else:
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
    def forward(self, idx, targets=None):
        x = self.tok(idx) + self.pos(torch.arange(idx.size(1)))
        logits = self.head(self.ln(self.blocks(x)))
        return logits, F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))

def get_batch(d, g=None):
    ix = torch.randint(len(d) - block - 1, (bs,), generator=g)
    return torch.stack([d[i:i + block] for i in ix]), torch.stack([d[i + 1:i + block + 1] for i in ix])

model = GPT()
opt = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.95), weight_decay=0.1)
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt)
for it in range(700):
    x, y = get_batch(train)
    _, loss = model(x, y)
    writer.add_loss("train", loss)
    opt.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    if it % 100 == 99:
        g = torch.Generator().manual_seed(0)
        with writer.evaluating("val"):
            vl = sum(model(*get_batch(val, g))[1].item() for _ in range(10)) / 10
        writer.add_loss("val", vl)
        print(it + 1, round(loss.item(), 3), round(vl, 3))
writer.close()
print(f"RESULT val {vl:.3f}")
