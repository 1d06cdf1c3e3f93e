import sys, math
import torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0)

# Perceiver (Jaegle 2021; lucidrains-like): learned latents query the array of 2x2 patches, shared latent transformer, twice.

def fourier(n=4, bands=3):
    g = torch.linspace(-1, 1, n)
    pos = torch.stack(torch.meshgrid(g, g, indexing='ij'), -1).reshape(-1, 2, 1)
    f = torch.linspace(1., n / 2, bands) * math.pi
    return torch.cat([(pos * f).sin(), (pos * f).cos(), pos], -1).flatten(1)

class Attn(nn.Module):
    def __init__(self, q_dim, ctx_dim, heads, dim_head):
        super().__init__()
        inner = heads * dim_head
        self.h, self.nq, self.nc = heads, nn.LayerNorm(q_dim), nn.LayerNorm(ctx_dim)
        self.to_q, self.to_kv, self.out = nn.Linear(q_dim, inner, bias=False), nn.Linear(ctx_dim, 2 * inner, bias=False), nn.Linear(inner, q_dim)
    def forward(self, x, ctx=None):
        x = self.nq(x); ctx = x if ctx is None else self.nc(ctx)
        split = lambda t: t.unflatten(-1, (self.h, -1)).transpose(1, 2)
        q = split(self.to_q(x)); k, v = map(split, self.to_kv(ctx).chunk(2, -1))
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))

def ff(d): return nn.Sequential(nn.LayerNorm(d), nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))

class Perceiver(nn.Module):
    def __init__(self, n_lat=8, d=48, classes=10, depth=2):
        super().__init__()
        self.register_buffer('pos', fourier())
        c = 48
        self.inp = nn.Linear(4 + self.pos.shape[1], c)
        self.latents = nn.Parameter(torch.randn(n_lat, d))
        self.cross, self.cff = Attn(d, c, 4, 12), ff(d)
        self.sa, self.sff = nn.ModuleList([Attn(d, d, 4, 12) for _ in range(1)]), nn.ModuleList([ff(d) for _ in range(1)])
        self.depth, self.head = depth, nn.Sequential(nn.LayerNorm(d), nn.Linear(d, classes))
    def forward(self, img):
        patches = F.unfold(img.view(-1, 1, 8, 8), 2, stride=2).transpose(1, 2)
        data = self.inp(torch.cat([patches, self.pos.expand(len(img), -1, -1)], -1))
        x = self.latents.expand(len(img), -1, -1)
        for _ in range(self.depth):                      # weights shared between the iterations
            x = x + self.cross(x, data); x = x + self.cff(x)
            for a, f in zip(self.sa, self.sff):
                x = x + a(x); x = x + f(x)
        return self.head(x.mean(1))

X, y = load_digits(return_X_y=True)
Xtr, Xte, ytr, yte = train_test_split(torch.tensor(X / 16., dtype=torch.float32), torch.tensor(y), test_size=.25, stratify=y, random_state=0)
mu, sd = Xtr.mean(), Xtr.std(); Xtr, Xte = (Xtr - mu) / sd, (Xte - mu) / sd

model = Perceiver()
opt = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
EPOCHS, B = 45, 64
steps = EPOCHS * (len(Xtr) // B)
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1, (s + 1) / 50) * .5 * (1 + math.cos(math.pi * min(1, s / steps))))
loss_fn = nn.CrossEntropyLoss(label_smoothing=.05)
writer = DiagWriter(sys.argv[1]); writer.watch(model, opt, loss_fn)

def shift(x):            # +-1 pixel
    x = F.pad(x.view(-1, 8, 8), (1, 1, 1, 1), value=-(mu / sd).item())
    i, j = torch.randint(0, 3, (2,)).tolist()
    return x[:, i:i + 8, j:j + 8].flatten(1)

for ep in range(EPOCHS):
    model.train()
    for b in torch.randperm(len(Xtr))[:len(Xtr) // B * B].split(B):
        loss = loss_fn(model(shift(Xtr[b])), ytr[b])
        opt.zero_grad(); loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.)
        opt.step(); sched.step()
    with writer.evaluating("test"):
        out = model(Xte); tl = loss_fn(out, yte).item(); acc = (out.argmax(1) == yte).float().mean().item()
    if ep % 5 == 4: print(f'{ep + 1:3d} {loss.item():.3f} {tl:.3f} {acc:.4f}')
writer.close()
print(f'RESULT train {loss.item():.3f} test {tl:.3f} acc {acc:.4f}')
