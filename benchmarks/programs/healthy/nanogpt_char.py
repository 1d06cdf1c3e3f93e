"""A GPT in the style of nanoGPT, on the characters of Python's own argparse, textwrap and friends."""
import argparse, calendar, math, random as random_module, statistics, sys, textwrap, difflib, optparse, inspect, heapq
import torch
import torch.nn as nn
from torch.nn import functional as F
from tb_lossdiag import DiagWriter

# -----------------------------------------------------------------------------
batch_size, block_size = 12, 64
n_layer, n_head, n_embd, dropout = 2, 4, 64, 0.0
learning_rate, max_iters, min_lr, warmup_iters, lr_decay_iters = 6e-3, 1500, 6e-4, 100, 1500
weight_decay, beta1, beta2, grad_clip = 1e-1, 0.9, 0.99, 1.0
eval_interval, eval_iters = 250, 20
# -----------------------------------------------------------------------------
torch.set_num_threads(1)
torch.manual_seed(1337)
text = "".join(inspect.getsource(m) for m in (argparse, calendar, random_module, statistics, textwrap, difflib, optparse, heapq, inspect))
chars = sorted(set(text))
stoi = {c: i for i, c in enumerate(chars)}
blocks = [text[i : i + 2000] for i in range(0, len(text), 2000)]
train_data = torch.tensor([stoi[c] for i, b in enumerate(blocks) if i % 10 for c in b])
val_data = torch.tensor([stoi[c] for i, b in enumerate(blocks) if i % 10 == 0 for c in b])


class CausalSelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.c_attn = nn.Linear(n_embd, 3 * n_embd, bias=False)
        self.c_proj = nn.Linear(n_embd, n_embd, bias=False)

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.c_attn(x).split(n_embd, dim=2)
        q, k, v = (t.view(B, T, n_head, C // n_head).transpose(1, 2) for t in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout if self.training else 0, is_causal=True)
        return self.c_proj(y.transpose(1, 2).contiguous().view(B, T, C))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1 = nn.LayerNorm(n_embd)
        self.attn = CausalSelfAttention()
        self.ln_2 = nn.LayerNorm(n_embd)
        self.mlp = nn.Sequential(nn.Linear(n_embd, 4 * n_embd, bias=False), nn.GELU(), nn.Linear(4 * n_embd, n_embd, bias=False))

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    def __init__(self, vocab_size):
        super().__init__()
        self.wte = nn.Embedding(vocab_size, n_embd)
        self.wpe = nn.Embedding(block_size, n_embd)
        self.h = nn.ModuleList([Block() for _ in range(n_layer)])
        self.ln_f = nn.LayerNorm(n_embd)
        self.lm_head = nn.Linear(n_embd, vocab_size, bias=False)
        self.wte.weight = self.lm_head.weight
        self.apply(self._init_weights)
        for pn, p in self.named_parameters():
            if pn.endswith("c_proj.weight"):
                nn.init.normal_(p, mean=0.0, std=0.02 / math.sqrt(2 * n_layer))

    def _init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, mean=0.0, std=0.02)

    def forward(self, idx, targets=None):
        x = self.wte(idx) + self.wpe(torch.arange(idx.size(1)))
        for block in self.h:
            x = block(x)
        logits = self.lm_head(self.ln_f(x))
        loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))
        return logits, loss


def get_batch(split):
    data = train_data if split == "train" else val_data
    ix = torch.randint(len(data) - block_size, (batch_size,))
    x = torch.stack([data[i : i + block_size] for i in ix])
    y = torch.stack([data[i + 1 : i + 1 + block_size] for i in ix])
    return x, y


def get_lr(it):
    if it < warmup_iters:
        return learning_rate * (it + 1) / (warmup_iters + 1)
    if it > lr_decay_iters:
        return min_lr
    decay_ratio = (it - warmup_iters) / (lr_decay_iters - warmup_iters)
    return min_lr + 0.5 * (1.0 + math.cos(math.pi * decay_ratio)) * (learning_rate - min_lr)


model = GPT(len(chars))
decay = [p for p in model.parameters() if p.dim() >= 2]
nodecay = [p for p in model.parameters() if p.dim() < 2]
optimizer = torch.optim.AdamW(
    [{"params": decay, "weight_decay": weight_decay}, {"params": nodecay, "weight_decay": 0.0}],
    lr=learning_rate, betas=(beta1, beta2))
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)

for iter_num in range(max_iters + 1):
    for param_group in optimizer.param_groups:
        param_group["lr"] = get_lr(iter_num)
    if iter_num % eval_interval == 0:
        losses = torch.zeros(eval_iters)
        with writer.evaluating("val"):
            for k in range(eval_iters):
                losses[k] = model(*get_batch("val"))[1]
            writer.add_loss("val", losses.mean())
    logits, loss = model(*get_batch("train"))
    writer.add_loss("train", loss)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), grad_clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
print(f"RESULT train {loss.item():.3f} val {losses.mean():.3f}")
writer.close()
