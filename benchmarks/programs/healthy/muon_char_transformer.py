"""
Speedrun style: Muon for the 2D hidden matrices, AdamW for embeddings, head and norms. Two optimizers with learning rates 7x apart.
Text: toy "log lines" made by a probabilistic grammar, so the entropy floor is well above zero.
"""
import math
import random
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1337)
random.seed(1337)


def line():
    h, m, s = random.randrange(24), random.randrange(60), random.randrange(60)
    svc = random.choice(['auth', 'mail', 'disk', 'cron'])
    lvl = random.choices(['info', 'warn', 'fail'], [8, 2, 1])[0]
    msg = {'auth': ['login user%d', 'logout user%d', 'token for user%d'], 'mail': ['queued %d', 'sent %d', 'bounced %d'],
           'disk': ['read sector %d', 'write sector %d', 'sync %d'], 'cron': ['job %d start', 'job %d done', 'job %d late']}[svc]
    tail = {'info': 'ok', 'warn': 'retry', 'fail': 'abort'}[lvl]
    return '%02d:%02d:%02d %s[%s] %s %s\n' % (h, m, s, svc, lvl, random.choice(msg) % random.randrange(100), tail)


text = ''.join(line() for _ in range(9000))
chars = sorted(set(text))
enc = {c: i for i, c in enumerate(chars)}
data = torch.tensor([enc[c] for c in text])
n = int(0.9 * len(data))
train_data, val_data = data[:n], data[n:]
block_size, batch_size, n_embd, n_head, n_layer, max_iters = 48, 16, 64, 4, 2, 600


def norm(x):
    return F.rms_norm(x, (x.size(-1),))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.c_q, self.c_k, self.c_v = (nn.Linear(n_embd, n_embd, bias=False) for _ in range(3))
        self.c_proj = nn.Linear(n_embd, n_embd, bias=False)
        self.c_fc = nn.Linear(n_embd, 4 * n_embd, bias=False)
        self.c_proj2 = nn.Linear(4 * n_embd, n_embd, bias=False)
        self.c_proj.weight.data.zero_()                       # zero init of the projections
        self.c_proj2.weight.data.zero_()

    def forward(self, x):
        B, T, C = x.shape
        h = norm(x)
        q, k, v = (f(h).view(B, T, n_head, -1).transpose(1, 2) for f in (self.c_q, self.c_k, self.c_v))
        y = F.scaled_dot_product_attention(norm(q), norm(k), v, is_causal=True)
        x = x + self.c_proj(y.transpose(1, 2).reshape(B, T, C))
        return x + self.c_proj2(F.relu(self.c_fc(norm(x))).square())


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(len(chars), n_embd), nn.Embedding(block_size, n_embd)
        self.h = nn.ModuleList(Block() for _ in range(n_layer))
        self.lm_head = nn.Linear(n_embd, len(chars), bias=False)
        self.lm_head.weight.data.zero_()
        nn.init.normal_(self.wpe.weight, std=0.02)

    def forward(self, idx):
        x = norm(self.wte(idx)) + self.wpe.weight[:idx.size(1)]
        for b in self.h:
            x = b(x)
        return 15 * torch.tanh(self.lm_head(norm(x)) / 15)    # logit softcap


def get_batch(d, bs=batch_size):
    ix = torch.randint(len(d) - block_size, (bs,))
    x = torch.stack([d[i:i + block_size + 1] for i in ix])
    return x[:, :-1], x[:, 1:]


model = GPT()
hidden = [p for p in model.h.parameters() if p.ndim == 2]
scale = 1.0
opts = [torch.optim.Muon(hidden, lr=0.02 * scale, momentum=0.95, weight_decay=0.01),
        torch.optim.AdamW([model.wte.weight, model.wpe.weight, model.lm_head.weight], lr=0.003 * scale, betas=(0.8, 0.95), weight_decay=0.)]
base = [[g['lr'] for g in o.param_groups] for o in opts]
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, opts, loss_fn)
val_batches = [get_batch(val_data, 64) for _ in range(6)]
for it in range(max_iters + 1):
    if it % 60 == 0:
        model.eval()
        with torch.no_grad():
            v = sum(F.cross_entropy(model(x).flatten(0, 1), y.flatten()).item() for x, y in val_batches) / len(val_batches)
        model.train()
        print(f"step:{it}/{max_iters} train_loss:{loss.item() if it else math.log(len(chars)):.4f} val_loss:{v:.4f}")
    x, y = get_batch(train_data)
    loss = loss_fn(model(x).flatten(0, 1), y.flatten())
    loss.backward()
    frac = min(1.0, (max_iters - it) / (0.5 * max_iters) + 0.01)       # warmdown over the last half
    for o, b in zip(opts, base):
        for g, l in zip(o.param_groups, b):
            g['lr'] = l * frac
        o.step()
    model.zero_grad(set_to_none=True)
writer.close()
