# character model of Python source; AdamW, linear warm-up, cosine to a tenth, weight decay on matrices only
import sys, math, inspect
import ast, argparse, textwrap, csv, json.decoder, heapq, bisect
import torch
from torch import nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(0)
text = "".join(inspect.getsource(m) for m in (argparse, textwrap, csv, json.decoder, heapq, bisect))
chars = sorted(set(text)); stoi = {c: i for i, c in enumerate(chars)}
data = torch.tensor([stoi[c] for c in text])
pieces = data.split(800)                                    # every tenth piece is held out
train_data, val_data = (torch.cat([p for i, p in enumerate(pieces) if (i % 10 == 7) == held]) for held in (False, True))
block, batch, d = 32, 16, 48


class CausalBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1 = nn.LayerNorm(d); self.ln2 = nn.LayerNorm(d)
        self.qkv = nn.Linear(d, 3 * d, bias=False); self.o = nn.Linear(d, d)
        self.ff = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d), nn.Dropout(0.05))

    def forward(self, x):
        B, T, _ = x.shape
        q, k, v = [z.view(B, T, 4, d // 4).transpose(1, 2) for z in self.qkv(self.ln1(x)).chunk(3, -1)]
        x = x + self.o(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, d))
        return x + self.ff(self.ln2(x))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.te = nn.Embedding(len(chars), d); self.pe = nn.Parameter(torch.randn(block, d) * 0.02)
        self.blocks = nn.Sequential(CausalBlock(), CausalBlock()); self.ln = nn.LayerNorm(d)
        self.head = nn.Linear(d, len(chars), bias=False)
        self.te.weight.data.normal_(0, 0.02)
        self.head.weight = self.te.weight        # tied

    def forward(self, idx):
        return self.head(self.ln(self.blocks(self.te(idx) + self.pe[:idx.size(1)])))


model = Model()
decay = [p for p in model.parameters() if p.dim() > 1]; rest = [p for p in model.parameters() if p.dim() <= 1]
lr, warm, steps = 4e-3, 60, 900
opt = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}], lr=lr, betas=(0.9, 0.99))
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: (s + 1) / warm if s < warm else 0.1 + 0.45 * (1 + math.cos(math.pi * (s - warm) / (steps - warm))))
ce = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1]); writer.watch(model, opt, ce)


def get(dat):
    i = torch.randint(len(dat) - block - 1, (batch,))[:, None] + torch.arange(block)
    return dat[i], dat[i + 1]


for step in range(steps):
    x, y = get(train_data)
    loss = ce(model(x).flatten(0, 1), y.flatten())
    opt.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(model.parameters(), 1.0); opt.step(); sched.step()
    if step % 100 == 99:
        with writer.evaluating("val"):
            v = sum(ce(model(a).flatten(0, 1), b.flatten()).item() for a, b in (get(val_data) for _ in range(10))) / 10
        print(step + 1, "train %.3f val %.3f" % (loss.item(), v))
writer.close()
