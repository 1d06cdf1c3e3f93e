"""MLP-Mixer (lucidrains' thirty lines) on noisy 16x16 pattern tiles; AdamW, warmup + cosine, gradient accumulation over two half batches"""
import sys
import math
import torch
from torch import nn
from functools import partial
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(28)


class PreNormResidual(nn.Module):
    def __init__(self, dim, fn):
        super().__init__()
        self.fn, self.norm = fn, nn.LayerNorm(dim)

    def forward(self, x):
        return self.fn(self.norm(x)) + x


def FeedForward(dim, factor, dropout, dense):
    inner = int(dim * factor)
    return nn.Sequential(dense(dim, inner), nn.GELU(), nn.Dropout(dropout), dense(inner, dim), nn.Dropout(dropout))


class MLPMixer(nn.Module):
    def __init__(self, image=16, patch=4, dim=48, depth=2, classes=6, dropout=.1):
        super().__init__()
        n = (image // patch) ** 2
        self.embed = nn.Conv2d(1, dim, patch, patch)
        chan_first, chan_last = partial(nn.Conv1d, kernel_size=1), nn.Linear
        self.mixer = nn.Sequential(*[nn.Sequential(PreNormResidual(dim, FeedForward(n, 3, dropout, chan_first)), PreNormResidual(dim, FeedForward(dim, 2, dropout, chan_last))) for _ in range(depth)], nn.LayerNorm(dim))
        self.head = nn.Linear(dim, classes)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2)
        return self.head(self.mixer(x).mean(1))


def tiles(n):
    g = torch.linspace(-1, 1, 16)
    yy, xx = torch.meshgrid(g, g, indexing="ij")
    y = torch.randint(0, 6, (n,))
    a = .25 * torch.randn(n, 1, 1)
    u, v = a.cos() * xx + a.sin() * yy, -a.sin() * xx + a.cos() * yy
    u, v = u - .25 * torch.randn(n, 1, 1), v - .25 * torch.randn(n, 1, 1)
    f, ph = 6 + torch.randn(n, 1, 1), 6.283 * torch.rand(n, 1, 1)
    r = (u ** 2 + v ** 2).sqrt()
    kinds = torch.stack([torch.sin(f * u + ph), torch.sin(f * v + ph), torch.sin(f * u + ph) * torch.sin(f * v), torch.sin(1.5 * f * r + ph), torch.sin(f * (u + v) / 1.4 + ph), (torch.cos(3 * torch.atan2(v, u) + ph))], 1)
    x = kinds[torch.arange(n), y] * (.6 + .4 * torch.rand(n, 1, 1)) + .8 * torch.randn(n, 16, 16)
    return x[:, None], y


xt, yt = tiles(5000)
xv, yv = tiles(1000)
model = MLPMixer()
opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=.05)
EPOCHS, MICRO, ACC = 8, 32, 2
total = EPOCHS * math.ceil(len(xt) / (MICRO * ACC))
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1., (s + 1) / 60) * (.5 + .5 * math.cos(math.pi * min(1., s / total))))
ce = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, ce)
for ep in range(EPOCHS):
    model.train()
    tl = []
    for i, b in enumerate(torch.randperm(len(xt)).split(MICRO)[:156]):
        loss = ce(model(xt[b]), yt[b])
        (loss / ACC).backward()
        if (i + 1) % ACC == 0:
            nn.utils.clip_grad_norm_(model.parameters(), 1.)
            opt.step()
            sched.step()
            opt.zero_grad()
        tl.append(loss.item())
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        o = model(xv)
        v = ce(o, yv).item()
    acc = (o.argmax(1) == yv).float().mean().item()
    print(f"epoch {ep + 1} train {sum(tl) / len(tl):.4f} val {v:.4f} acc {acc:.4f}")
writer.close()
print(f"RESULT train={sum(tl) / len(tl):.4f} val={v:.4f} acc={acc:.4f}")
