"""Small BERT-ish masked LM on a synthetic token language. Tied output embedding, warm-up, grad accumulation x2, bf16 autocast."""
import math, sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
V, L, PAD, MASK = 34, 16, 0, 1
rng = np.random.default_rng(3)

# the "language": 2 topics, each a sparse markov chain over 32 words
chains = []
for _ in range(2):
    P = np.full((32, 32), 0.1 / 32)
    for i in range(32):
        P[i, rng.choice(32, 2, replace=False)] += [0.7, 0.2]
    chains.append(P.cumsum(1))


def corpus(n):
    out = np.full((n, L), PAD)
    top = rng.integers(0, 2, n)
    ln = rng.integers(9, L + 1, n)
    s = rng.integers(0, 32, n)
    for t in range(L):
        alive = t < ln
        out[alive, t] = s[alive] + 2
        u = rng.random(n)
        s = np.array([min(31, np.searchsorted(chains[top[i]][s[i]], u[i])) for i in range(n)])
    return torch.tensor(out)


class TinyBert(nn.Module):
    def __init__(self, d=32, heads=4, layers=2):
        super().__init__()
        self.tok = nn.Embedding(V, d, padding_idx=PAD)
        self.pos = nn.Embedding(L, d)
        enc = nn.TransformerEncoderLayer(d, heads, 4 * d, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(enc, layers, enable_nested_tensor=False)
        self.ln = nn.LayerNorm(d)
        self.decoder = nn.Linear(d, V)
        nn.init.normal_(self.tok.weight, std=0.1); nn.init.normal_(self.pos.weight, std=0.1)
        self.decoder.weight = self.tok.weight

    def forward(self, ids):
        h = self.tok(ids) * math.sqrt(32) + self.pos.weight[None]
        return self.decoder(self.ln(self.enc(h, src_key_padding_mask=ids.eq(PAD))))


def mask_tokens(ids):
    lab = ids.clone()
    m = (torch.rand(ids.shape) < 0.15) & ids.ne(PAD)
    lab[~m] = -100
    x = ids.clone()
    r = torch.rand(ids.shape)
    x[m & (r < .8)] = MASK
    rnd = m & (r >= .8) & (r < .9)
    x[rnd] = torch.randint(2, V, (int(rnd.sum()),))
    return x, lab


train, valid = corpus(2600), corpus(500)
vx, vy = mask_tokens(valid)
model = TinyBert()
ce = nn.CrossEntropyLoss(ignore_index=-100)
decay = [p for p in model.parameters() if p.ndim > 1]
nodecay = [p for p in model.parameters() if p.ndim <= 1]
opt = torch.optim.AdamW([{"params": decay, "weight_decay": 0.01}, {"params": nodecay, "weight_decay": 0.0}], lr=1.2e-2, betas=(0.9, 0.98))
EPOCHS, BS, ACC = 16, 32, 2
total = EPOCHS * (len(train) // BS // ACC)
warm = total // 10
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: (s + 1) / warm if s < warm else max(0.02, (total - s) / (total - warm)))

writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, ce)
for ep in range(EPOCHS):
    model.train()
    perm = torch.randperm(len(train))
    run = []
    for k in range(len(train) // BS // ACC * ACC):
        x, y = mask_tokens(train[perm[k * BS:(k + 1) * BS]])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(x)
            loss = ce(logits.flatten(0, 1), y.flatten())
        (loss / ACC).backward()
        run.append(loss.item())
        if k % ACC == ACC - 1:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step(); sched.step()
            opt.zero_grad(set_to_none=True)
    with writer.evaluating("val"):
        lo = model(vx)
        v = ce(lo.flatten(0, 1), vy.flatten()).item()
    m = vy != -100
    if ep % 3 == 0 or ep == EPOCHS - 1: print(f"{ep} train {np.mean(run):.3f} val {v:.3f} acc {(lo.argmax(-1)[m] == vy[m]).float().mean():.3f}")
writer.close()
