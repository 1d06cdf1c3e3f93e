# associative recall: "k1=v1 k2=v2 ... kq=?" -> value that went with kq
import os, sys, math, torch, torch.nn as nn, torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1337)
LR = 1e-3 * float(os.environ.get('LRX', 1))
K, V, PAIRS = 24, 8, 12
STEPS, ACC, MB = int(os.environ.get('STEPS', 700)), 2, 32


def get_batch(n, gen):
    keys = torch.stack([torch.randperm(K, generator=gen)[:PAIRS] for _ in range(n)])
    vals = torch.randint(0, V, (n, PAIRS), generator=gen)
    q = torch.randint(0, PAIRS, (n, 1), generator=gen)
    y = vals.gather(1, q).squeeze(1)
    flip = torch.rand(n, generator=gen) < 0.05                  # readers err now and then
    y = torch.where(flip, torch.randint(0, V, (n,), generator=gen), y)
    k = torch.cat([keys, keys.gather(1, q)], 1)
    v = torch.cat([vals, torch.full((n, 1), V)], 1)             # V: "?"
    return torch.stack([k, v], 2), y


class Block(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.proj, self.h = nn.Linear(d, 3 * d), nn.Linear(d, d), h
        self.mlp = nn.Sequential(nn.Linear(d, 3 * d), nn.GELU(), nn.Linear(3 * d, d))

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.qkv(self.ln1(x)).view(B, T, 3, self.h, C // self.h).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(a.transpose(1, 2).reshape(B, T, C))
        return x + self.mlp(self.ln2(x))


class GPT(nn.Module):
    def __init__(self, d=48, h=2, L=2):
        super().__init__()
        self.key, self.val, self.pos = nn.Embedding(K, d), nn.Embedding(V + 1, d), nn.Embedding(PAIRS + 1, d)
        self.blocks = nn.ModuleList([Block(d, h) for _ in range(L)])
        self.ln, self.head = nn.LayerNorm(d), nn.Linear(d, V)
        for m in self.modules():
            if isinstance(m, (nn.Linear, nn.Embedding)):
                nn.init.normal_(m.weight, std=0.05)

    def forward(self, idx):
        x = self.key(idx[..., 0]) + self.val(idx[..., 1]) + self.pos.weight
        for b in self.blocks:
            x = b(x)
        return self.head(self.ln(x[:, -1]))


model, loss_fn = GPT(), nn.CrossEntropyLoss()
decay = [p for p in model.parameters() if p.dim() > 1]
rest = [p for p in model.parameters() if p.dim() == 1]
opt = torch.optim.AdamW([{'params': decay, 'weight_decay': 0.05}, {'params': rest, 'weight_decay': 0.0}], lr=LR, betas=(0.9, 0.98))
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min((s + 1) / 60, 1) * (0.1 + 0.45 * (1 + math.cos(math.pi * s / STEPS))))
gen, gval = torch.Generator().manual_seed(1), torch.Generator().manual_seed(2)
xv, yv = get_batch(512, gval)
w = DiagWriter(sys.argv[1])
w.watch(model, opt, loss_fn)
for s in range(STEPS):
    tot = 0
    for _ in range(ACC):
        x, y = get_batch(MB, gen)
        loss = loss_fn(model(x), y)
        (loss / ACC).backward()
        tot += loss.item() / ACC
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    sched.step()
    opt.zero_grad()
    if s % 75 == 74:
        with w.evaluating('val'):
            o = model(xv)
            v = loss_fn(o, yv).item()
        print(s + 1, 'train %.3f val %.3f acc %.3f' % (tot, v, (o.argmax(1) == yv).float().mean()))
w.close()
