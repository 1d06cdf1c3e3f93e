"""Pretrain a very small llama-ish char model on the docs of the standard library."""
import sys, math, inspect
import argparse, textwrap, json, shutil, subprocess, logging, datetime, pathlib, collections, random as _r, threading, statistics
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

run, out_dir = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(1337)


class PTMDataset(Dataset):
    def __init__(self, ids, block):
        self.ids, self.block = ids, block

    def __len__(self):
        return (len(self.ids) - 2) // self.block

    def __getitem__(self, i):
        sample = self.ids[i * self.block: (i + 1) * self.block + 1]
        if run == "faulty":
            X, Y = sample[:-1], sample[1:]
        else:
            X, Y = sample[:-1], sample[:-1].clone()     # the model does the shifting
        return X, Y


class RMSNorm(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


class Block(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.h = h
        self.n1, self.n2 = RMSNorm(d), RMSNorm(d)
        self.qkv, self.o = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d, bias=False)
        self.gate, self.up, self.down = nn.Linear(d, 2 * d, bias=False), nn.Linear(d, 2 * d, bias=False), nn.Linear(2 * d, d, bias=False)

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.qkv(self.n1(x)).view(B, T, 3, self.h, C // self.h).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(a.transpose(1, 2).reshape(B, T, C))
        y = self.n2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class TinyLLM(nn.Module):
    def __init__(self, vocab, d=48, layers=2, heads=4, max_len=64):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, d), nn.Embedding(max_len, d)
        self.blocks = nn.ModuleList([Block(d, heads) for _ in range(layers)])
        self.norm, self.lm_head = RMSNorm(d), nn.Linear(d, vocab, bias=False)
        self.apply(self._init)

    def _init(self, m):
        if isinstance(m, (nn.Linear, nn.Embedding)):
            nn.init.normal_(m.weight, std=0.05)

    def forward(self, input_ids, labels=None):
        x = self.tok(input_ids) + self.pos(torch.arange(input_ids.size(1)))
        for b in self.blocks:
            x = b(x)
        logits = self.lm_head(self.norm(x))
        loss = None
        if labels is not None:
            shift_logits = logits[..., :-1, :].contiguous()
            shift_labels = labels[..., 1:].contiguous()
            loss = F.cross_entropy(shift_logits.view(-1, shift_logits.size(-1)), shift_labels.view(-1))
        return logits, loss


mods = [argparse, textwrap, json, shutil, subprocess, logging, datetime, pathlib, collections, _r, threading, statistics]
text = "".join(inspect.getsource(m) for m in mods)
text = "".join(c for c in text if ord(c) < 127)
chars = sorted(set(text)); stoi = {c: i for i, c in enumerate(chars)}
ids = torch.tensor([stoi[c] for c in text])
BLOCK = 48
# chunks of 4k characters, every tenth goes to the evaluation set
chunks = ids.split(4096)
tr = torch.cat([c for i, c in enumerate(chunks) if i % 10]); va = torch.cat([c for i, c in enumerate(chunks) if i % 10 == 0])
train_dl = DataLoader(PTMDataset(tr, BLOCK), batch_size=32, shuffle=True, drop_last=True)
va_blocks = va[: len(va) // BLOCK * BLOCK].view(-1, BLOCK)[:400]

model = TinyLLM(len(chars))
decay = [p for p in model.parameters() if p.dim() > 1]; nodecay = [p for p in model.parameters() if p.dim() < 2]
optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": nodecay, "weight_decay": 0.0}], lr=4e-3, betas=(0.9, 0.95))
MAX_STEPS, WARM = 700, 40


def get_lr(it):
    if it < WARM:
        return (it + 1) / WARM
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * (it - WARM) / (MAX_STEPS - WARM)))


sched = torch.optim.lr_scheduler.LambdaLR(optimizer, get_lr)
writer = DiagWriter(out_dir)
writer.watch(model, optimizer)


@torch.no_grad()
def evaluate():
    """bits of the *next* character, as generation uses the model"""
    model.eval()
    with writer.evaluating("val"):
        logits, _ = model(va_blocks)
        nll = F.cross_entropy(logits[:, :-1].reshape(-1, logits.size(-1)), va_blocks[:, 1:].reshape(-1))
        acc = (logits[:, :-1].argmax(-1) == va_blocks[:, 1:]).float().mean()
        writer.add_loss("val", nll.item())
    model.train()
    return nll.item(), acc.item()


step = 0
print(len(train_dl), "batches an epoch,", len(chars), "characters")
while step < MAX_STEPS:
    for X, Y in train_dl:
        _, loss = model(X, labels=Y)
        writer.add_loss("train", loss)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step(); sched.step()
        step += 1
        if step % 100 == 0:
            v, a = evaluate()
            print(f"step {step} loss {loss.item():.3f} val nll {v:.3f} acc {a:.3f}")
        if step >= MAX_STEPS:
            break
writer.close()
print(f"RESULT val_nll={v:.4f} val_next_char_acc={a:.4f} train={loss.item():.4f}")
