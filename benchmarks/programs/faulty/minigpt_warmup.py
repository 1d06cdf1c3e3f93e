import sys, math
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.manual_seed(1337)
torch.set_num_threads(1)

import argparse as _a, heapq as _h, bisect as _b, textwrap as _t, shutil as _s
text = "".join(open(m.__file__, encoding="utf-8").read() for m in (_t, _b, _h, _s))
text = "".join(c for c in text if c.isascii())
chars = sorted(set(text))
stoi = {c: i for i, c in enumerate(chars)}
data = torch.tensor([stoi[c] for c in text])
cut = int(0.9 * len(data))
train_data, val_data = data[:cut], data[cut:]

block, batch, d, heads, layers = 32, 16, 48, 4, 2
run_cfg = dict(init_lr=3e-3, min_lr=3e-4, warmup_lr=1e-6, warmup_steps=200, max_epoch=24, iters_per_epoch=25)


class LinearWarmupCosineLRScheduler:
    def __init__(self, optimizer, max_epoch, iters_per_epoch, min_lr, init_lr, warmup_steps, warmup_start_lr):
        self.optimizer, self.total = optimizer, max_epoch * iters_per_epoch
        self.iters_per_epoch = iters_per_epoch
        self.min_lr, self.init_lr = min_lr, init_lr
        self.warmup_steps, self.warmup_start_lr = warmup_steps, warmup_start_lr

    def step(self, cur_epoch, cur_step):
        total_cur_step = cur_epoch * self.iters_per_epoch + cur_step
        warm = cur_step if form == "faulty" else total_cur_step
        if warm < self.warmup_steps:
            lr = self.warmup_start_lr + (self.init_lr - self.warmup_start_lr) * warm / self.warmup_steps
        else:
            lr = (self.init_lr - self.min_lr) * 0.5 * (1 + math.cos(math.pi * total_cur_step / self.total)) + self.min_lr
        for g in self.optimizer.param_groups:
            g["lr"] = lr
        return lr


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.qkv(self.ln1(x)).view(B, T, 3, heads, C // heads).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, C)
        x = x + self.proj(a)
        return x + self.mlp(self.ln2(x))


class CharGPT(nn.Module):
    def __init__(self, vocab):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, d), nn.Embedding(block, d)
        self.blocks = nn.Sequential(*[Block() for _ in range(layers)])
        self.ln, self.head = nn.LayerNorm(d), nn.Linear(d, vocab, bias=False)
        self.apply(self._init)

    def _init(self, m):
        if isinstance(m, (nn.Linear, nn.Embedding)):
            nn.init.normal_(m.weight, std=0.02)

    def forward(self, idx):
        x = self.tok(idx) + self.pos(torch.arange(idx.shape[1]))
        return self.head(self.ln(self.blocks(x)))


def get_batch(src):
    ix = torch.randint(len(src) - block - 1, (batch,))
    return torch.stack([src[i:i + block] for i in ix]), torch.stack([src[i + 1:i + block + 1] for i in ix])


def lm_loss(logits, y):
    return F.cross_entropy(logits.view(-1, logits.shape[-1]), y.reshape(-1))


model = CharGPT(len(chars))
optimizer = torch.optim.AdamW(model.parameters(), lr=run_cfg["init_lr"], weight_decay=0.05, betas=(0.9, 0.99))
sched = LinearWarmupCosineLRScheduler(optimizer, run_cfg["max_epoch"], run_cfg["iters_per_epoch"], run_cfg["min_lr"],
                                      run_cfg["init_lr"], run_cfg["warmup_steps"], run_cfg["warmup_lr"])
writer = DiagWriter(logdir)
writer.watch(model, optimizer)
for epoch in range(run_cfg["max_epoch"]):
    model.train()
    tl = 0
    for i in range(run_cfg["iters_per_epoch"]):
        lr = sched.step(cur_epoch=epoch, cur_step=i)
        x, y = get_batch(train_data)
        loss = lm_loss(model(x), y)
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tl += loss.item() / run_cfg["iters_per_epoch"]
    if epoch % 3 == 2:
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            vl = []
            for _ in range(8):
                x, y = get_batch(val_data)
                l = lm_loss(model(x), y)
                writer.add_loss("val", l)
                vl.append(l.item())
        print(f"epoch {epoch} lr {lr:.2e} train {tl:.4f} val {sum(vl) / 8:.4f}")
writer.close()
