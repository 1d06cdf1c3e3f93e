# ViT-tiny with the DeiT recipe made small: AdamW wd .05, label smoothing, stochastic depth, random resized crop / erase, warm-up + cosine,
# bfloat16 autocast, EMA of the weights (evaluated with both). 24x24 "stamps", 8 classes.
import sys, math, copy
import torch, torch.nn as nn, torch.nn.functional as F
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0)
S, K = 24, 8

def stamps(n, g):
    y = torch.randint(0, K, (n,), generator=g)
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, S), torch.linspace(-1, 1, S), indexing="ij")
    r = lambda *s: torch.rand(*s, generator=g)
    cx, cy, ph, f = (r(n, 1, 1) - .5) * .6, (r(n, 1, 1) - .5) * .6, r(n, 1, 1) * 6.28, 5 + 4 * r(n, 1, 1)
    X, Y = xx - cx, yy - cy; rad = (X ** 2 + Y ** 2).sqrt(); ang = torch.atan2(Y, X)
    pats = [torch.sin(f * X + ph), torch.sin(f * Y + ph), torch.sin(f * rad + ph), torch.sign(torch.sin(f * X + ph) * torch.sin(f * Y)),
            torch.sin(3 * ang + ph), torch.sin(5 * ang + ph), torch.sin(f * (X + Y) * .7 + ph), torch.sin(2 * ang + f * rad + ph)]
    img = torch.stack(pats, 1)[torch.arange(n), y]
    img = img[:, None] * (r(n, 3, 1, 1) * .8 + .4) + .5 * torch.randn(n, 3, S, S, generator=g)
    return (img - img.mean()) / img.std(), y

def augment(x):
    n = len(x); s = torch.empty(n).uniform_(.7, 1); t = (torch.rand(n, 2) * 2 - 1) * (1 - s)[:, None]
    A = torch.zeros(n, 2, 3); A[:, 0, 0] = s; A[:, 1, 1] = s; A[:, :, 2] = t
    x = F.grid_sample(x, F.affine_grid(A, x.shape, align_corners=False), padding_mode="reflection", align_corners=False)
    x = x * (.7 + .6 * torch.rand(n, 3, 1, 1))
    for i in torch.nonzero(torch.rand(n) < .25).flatten().tolist():
        a, b = torch.randint(0, S - 8, (2,)).tolist(); x[i, :, a:a + 8, b:b + 8] = torch.randn(3, 8, 8)
    return x

class DropPath(nn.Module):
    def __init__(self, p): super().__init__(); self.p = p
    def forward(self, x):
        if not self.training or self.p == 0: return x
        keep = 1 - self.p
        return x * x.new_empty(len(x), 1, 1).bernoulli_(keep) / keep

class Block(nn.Module):
    def __init__(self, d, heads, dp):
        super().__init__()
        self.norm1, self.norm2, self.heads = nn.LayerNorm(d), nn.LayerNorm(d), heads
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d)); self.dp = DropPath(dp)
    def forward(self, x):
        B, N, D = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(B, N, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        x = x + self.dp(self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(B, N, D)))
        return x + self.dp(self.mlp(self.norm2(x)))

class ViT(nn.Module):
    def __init__(self, d=48, depth=3, heads=3, patch=6):
        super().__init__()
        self.patch_embed = nn.Conv2d(3, d, patch, patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, d)); self.pos_embed = nn.Parameter(torch.zeros(1, (S // patch) ** 2 + 1, d))
        nn.init.trunc_normal_(self.pos_embed, std=.02); nn.init.trunc_normal_(self.cls_token, std=.02)
        self.blocks = nn.Sequential(*[Block(d, heads, .1 * i / (depth - 1)) for i in range(depth)])
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, K)
    def forward(self, x):
        x = self.patch_embed(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        return self.head(self.norm(self.blocks(x))[:, 0])

Xt, yt = stamps(3072, torch.Generator().manual_seed(1)); Xv, yv = stamps(1000, torch.Generator().manual_seed(2))
model = ViT(); ema = copy.deepcopy(model).requires_grad_(False)
no_wd = [p for n, p in model.named_parameters() if p.ndim <= 1 or n.endswith("_embed") or "token" in n]
wd = [p for n, p in model.named_parameters() if not (p.ndim <= 1 or n.endswith("_embed") or "token" in n)]
EPOCHS, BS, base_lr, WARM = 16, 64, 2e-3, 2
steps = len(Xt) // BS
opt = torch.optim.AdamW([{"params": no_wd, "weight_decay": 0}, {"params": wd, "weight_decay": .05}], lr=base_lr)
lr_at = lambda s: base_lr * (s / (WARM * steps) if s < WARM * steps else .5 * (1 + math.cos(math.pi * (s - WARM * steps) / ((EPOCHS - WARM) * steps)))) + 1e-6
criterion = nn.CrossEntropyLoss(label_smoothing=.1)
writer = DiagWriter(sys.argv[1]); writer.watch(model, opt, criterion)
step = 0
for epoch in range(EPOCHS):
    model.train(); tot = 0
    for b in torch.randperm(len(Xt)).split(BS):
        for g in opt.param_groups: g["lr"] = lr_at(step)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = criterion(model(augment(Xt[b])), yt[b])
        opt.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(model.parameters(), 5.0); opt.step(); step += 1
        d = min(.995, (1 + step) / (10 + step))
        with torch.no_grad():
            for e, p in zip(ema.parameters(), model.parameters()): e.lerp_(p, 1 - d)
        tot += loss.item() / steps
    with writer.evaluating("val"):
        o = torch.cat([model(c) for c in Xv.split(250)]); vl = criterion(o, yv).item(); acc = (o.argmax(1) == yv).float().mean().item()
    ema.eval()
    with torch.no_grad(): ea = (torch.cat([ema(c) for c in Xv.split(250)]).argmax(1) == yv).float().mean().item()
    print(epoch, f"train {tot:.4f} val {vl:.4f} acc {acc:.4f} ema {ea:.4f}")
writer.close()
print(f"RESULT train {tot:.4f} val {vl:.4f} acc {acc:.4f} ema_acc {ea:.4f}")
