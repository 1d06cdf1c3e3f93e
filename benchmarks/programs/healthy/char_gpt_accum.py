"""
A small GPT on toy grammar text with gradient accumulation, warm-up + cosine decay, weight decay only for matrices,
tied embeddings (after karpathy/nanoGPT train.py / model.py).
"""
import math
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.nn import functional as F
from tb_lossdiag import DiagWriter

# -----------------------------------------------------------------------------
eval_interval, eval_iters = 60, 8
gradient_accumulation_steps = 4
batch_size, block_size = 16, 48
n_layer, n_head, n_embd, dropout = 2, 4, 48, 0.0
learning_rate, min_lr, warmup_iters, max_iters, lr_decay_iters = 4e-3, 4e-4, 20, 300, 300
weight_decay, beta1, beta2, grad_clip = 1e-1, 0.9, 0.99, 1.0
out_dir = sys.argv[1]
# -----------------------------------------------------------------------------
torch.manual_seed(1337)
rng = np.random.default_rng(1337)


def sentence():
    """a toy grammar with agreement between subject and verb, and between noun and its later pronoun"""
    det, nouns = ['the ', 'a ', 'this '], [('cat', 'she'), ('dog', 'he'), ('robot', 'it'), ('queen', 'she'), ('king', 'he')]
    verbs = ['sees', 'likes', 'follows', 'paints', 'hears']
    n1, n2 = rng.integers(0, 5, 2)
    s = rng.choice(det) + nouns[n1][0] + ' ' + rng.choice(verbs) + ' ' + rng.choice(det) + nouns[n2][0]
    if rng.random() < .6:
        s += ' and ' + nouns[n1][1] + ' ' + rng.choice(['sleeps', 'sings', 'waits'])
    return s + '.\n'


text = ''.join(sentence() for _ in range(6000))
chars = sorted(set(text))
data = np.array([chars.index(c) for c in text])
n = int(.9 * len(data))
train_data, val_data = data[:n], data[n:]


def get_batch(split):
    d = train_data if split == 'train' else val_data
    ix = rng.integers(0, len(d) - block_size - 1, batch_size)
    x = torch.from_numpy(np.stack([d[i:i + block_size] for i in ix]))
    y = torch.from_numpy(np.stack([d[i + 1:i + 1 + block_size] for i in ix]))
    return x, y


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(n_embd), nn.LayerNorm(n_embd)
        self.c_attn = nn.Linear(n_embd, 3 * n_embd, bias=False)
        self.c_proj = nn.Linear(n_embd, n_embd, bias=False)
        self.mlp_fc = nn.Linear(n_embd, 4 * n_embd, bias=False)
        self.mlp_proj = nn.Linear(4 * n_embd, n_embd, bias=False)

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (t.view(B, T, n_head, C // n_head).transpose(1, 2) for t in self.c_attn(self.ln_1(x)).split(n_embd, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.c_proj(y.transpose(1, 2).reshape(B, T, C))
        return x + self.mlp_proj(F.gelu(self.mlp_fc(self.ln_2(x))))


class GPT(nn.Module):
    def __init__(self, vocab_size):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocab_size, n_embd), nn.Embedding(block_size, n_embd)
        self.h = nn.ModuleList(Block() for _ in range(n_layer))
        self.ln_f = nn.LayerNorm(n_embd)
        self.lm_head = nn.Linear(n_embd, vocab_size, bias=False)
        self.wte.weight = self.lm_head.weight  # weight tying
        for name, p in self.named_parameters():
            if p.dim() == 2:
                nn.init.normal_(p, 0.0, 0.02 / (math.sqrt(2 * n_layer) if name.endswith('proj.weight') else 1))

    def forward(self, idx, targets=None):
        x = self.wte(idx) + self.wpe(torch.arange(idx.shape[1]))
        for b in self.h:
            x = b(x)
        logits = self.lm_head(self.ln_f(x))
        loss = None if targets is None else F.cross_entropy(logits.view(-1, logits.size(-1)), targets.reshape(-1))
        return logits, loss

    def configure_optimizers(self):
        decay = [p for p in self.parameters() if p.dim() >= 2]
        nodecay = [p for p in self.parameters() if p.dim() < 2]
        return torch.optim.AdamW([{'params': decay, 'weight_decay': weight_decay}, {'params': nodecay, 'weight_decay': 0.0}],
                                 lr=learning_rate, betas=(beta1, beta2))


model = GPT(len(chars))
optimizer = model.configure_optimizers()
scale = optimizer.param_groups[0]['lr'] / learning_rate
writer = DiagWriter(out_dir)
writer.watch(model, optimizer)


@torch.no_grad()
def estimate_loss():
    model.eval()
    out = {}
    for split in ('train', 'val'):
        out[split] = np.mean([model(*get_batch(split))[1].item() for _ in range(eval_iters)])
    model.train()
    return out


def get_lr(it):
    # 1) linear warmup 2) cosine decay down to min learning rate
    if it < warmup_iters:
        return learning_rate * (it + 1) / warmup_iters
    decay_ratio = (it - warmup_iters) / (lr_decay_iters - warmup_iters)
    return min_lr + 0.5 * (1 + math.cos(math.pi * decay_ratio)) * (learning_rate - min_lr)


for iter_num in range(max_iters):
    lr = get_lr(iter_num) * scale
    for g in optimizer.param_groups:
        g['lr'] = lr
    for micro_step in range(gradient_accumulation_steps):
        X, Y = get_batch('train')
        _, loss = model(X, Y)
        loss = loss / gradient_accumulation_steps  # scale the loss to account for gradient accumulation
        writer.add_loss("train", loss)
        loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), grad_clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    if (iter_num + 1) % eval_interval == 0:
        with writer.evaluating("val"):
            losses = estimate_loss()
        print(f"step {iter_num + 1}: train loss {losses['train']:.4f}, val loss {losses['val']:.4f}, lr {lr:.2e}")
