import sys, math, copy
import torch
from torch import nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(33)

"""Time-series transformer for 3-axis gestures (6 classes). Learned class query is prepended, pre-norm encoder, batches of 32 accumulated
twice, AdamW with warm-up + linear decay, EMA of the weights evaluated at the end."""

CLASSES, T = 6, 50

def gestures(n, g):
    y = torch.randint(CLASSES, (n,), generator=g)
    t = torch.linspace(0, 1, T)
    f = 1 + y.float()[:, None] % 3 * .7
    ph = torch.rand(n, 1, generator=g) * 6.28
    sp = .85 + .3 * torch.rand(n, 1, generator=g)
    a, b = torch.sin(6.28 * f * sp * t + ph), torch.cos(6.28 * f * sp * t + ph)
    sign = torch.where(y < 3, 1., -1.)[:, None]
    z = torch.exp(-((t - .2 - .6 * torch.rand(n, 1, generator=g)) / .1) ** 2)
    x = torch.stack([a, sign * b, z], 2) * (.6 + .8 * torch.rand(n, 1, 3, generator=g)) + .3 * torch.randn(n, T, 3, generator=g)
    flip = torch.rand(n, generator=g) < .04                 # sloppy performers
    y = torch.where(flip, torch.randint(CLASSES, (n,), generator=g), y)
    return x, y

g = torch.Generator().manual_seed(0)
(xt, yt), (xv, yv) = gestures(6000, g), gestures(600, g)
m, s = xt.mean((0, 1)), xt.std((0, 1)); xt, xv = (xt - m) / s, (xv - m) / s

class TST(nn.Module):
    def __init__(self, d=48, heads=4, layers=2, patch=5, drop=.1):
        super().__init__()
        self.patch = nn.Conv1d(3, d, patch, stride=patch)
        self.cls = nn.Parameter(torch.randn(1, 1, d) * .02)
        self.pos = nn.Parameter(torch.randn(1, T // patch + 1, d) * .02)
        layer = nn.TransformerEncoderLayer(d, heads, 2 * d, drop, activation='gelu', batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(d), enable_nested_tensor=False)
        self.head = nn.Linear(d, CLASSES)
    def forward(self, x):
        z = self.patch(x.transpose(1, 2)).transpose(1, 2)
        z = torch.cat([self.cls.expand(len(z), -1, -1), z], 1) + self.pos
        return self.head(self.enc(z)[:, 0])

model = TST(); ema = copy.deepcopy(model).eval()
decay = [p for p in model.parameters() if p.ndim > 1]; rest = [p for p in model.parameters() if p.ndim <= 1]
opt = torch.optim.AdamW([{'params': decay, 'weight_decay': .05}, {'params': rest, 'weight_decay': 0.}], lr=1e-3)
EPOCHS, ACC = 8, 2
total, warm = EPOCHS * 94, 60
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda k: (k + 1) / warm if k < warm else max(0., (total - k) / (total - warm)))
crit = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[1]); writer.watch(model, opt, crit)
dl = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(xt, yt), batch_size=32, shuffle=True)
for ep in range(EPOCHS):
    model.train(); run = 0.
    for k, (x, y) in enumerate(dl):
        loss = crit(model(x), y)
        (loss / ACC).backward()
        run += loss.item() / len(dl)
        if (k + 1) % ACC == 0:
            nn.utils.clip_grad_norm_(model.parameters(), 1.)
            opt.step(); sched.step(); opt.zero_grad()
            with torch.no_grad():
                for pe, p in zip(ema.parameters(), model.parameters()): pe.lerp_(p, .01)
    with writer.evaluating("val"):
        o = model(xv); v = crit(o, yv).item()
    print(ep, f"{run:.3f} {v:.3f} {(o.argmax(1) == yv).float().mean():.3f}")
writer.close()
with torch.no_grad(): oe = ema(xv)
print(f"RESULT train {run:.3f} val {v:.3f} acc {(o.argmax(1) == yv).float().mean():.3f} ema val {crit(oe, yv):.3f} acc {(oe.argmax(1) == yv).float().mean():.3f}")
