import sys, math
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(6); rng = np.random.RandomState(6)

# sentiment-like sequences: words carry polarity, "not" flips the next one, domain B uses partly other words
V, L = 120, 16
polA = rng.choice([-1, 0, 1], V, p=[.25, .5, .25]); polA[:3] = 0
polB = polA.copy(); ch = rng.choice(np.arange(3, V), 30, replace=False); polB[ch] = rng.choice([-1, 0, 1], 30)


def make(n, pol):
    x = rng.randint(3, V, (n, L))
    x[rng.rand(n, L) < .06] = 1
    s = pol[x].astype(float)
    s[:, 1:] *= np.where(x[:, :-1] == 1, -1, 1)
    y = (s.sum(1) + rng.randn(n) * .5) > 0
    return TensorDataset(torch.tensor(x), torch.tensor(y.astype(int)))


class Enc(nn.Module):
    def __init__(self, d=48):
        super().__init__()
        self.tok = nn.Embedding(V, d); self.pos = nn.Parameter(torch.randn(L, d) * .02)
        self.q = nn.Linear(d, d); self.k = nn.Linear(d, d); self.v = nn.Linear(d, d); self.o = nn.Linear(d, d)
        self.n1 = nn.LayerNorm(d); self.n2 = nn.LayerNorm(d)
        self.ff = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))
        self.head = nn.Linear(d, 2)

    def forward(self, x):
        h = self.tok(x) + self.pos
        z = self.n1(h); b, l, d = z.shape
        sp = lambda t: t.view(b, l, 4, -1).transpose(1, 2)
        a = nn.functional.scaled_dot_product_attention(sp(self.q(z)), sp(self.k(z)), sp(self.v(z)))
        h = h + self.o(a.transpose(1, 2).reshape(b, l, d))
        h = h + self.ff(self.n2(h))
        return self.head(h.mean(1))


class LoRALinear(nn.Module):
    def __init__(self, base, r=8, alpha=16):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.A = nn.Parameter(torch.randn(r, base.in_features) / math.sqrt(base.in_features))
        self.B = nn.Parameter(torch.zeros(base.out_features, r))
        self.s = alpha / r
        self.drop = nn.Dropout(.1)

    def forward(self, x):
        return self.base(x) + (self.drop(x) @ self.A.t() @ self.B.t()) * self.s


# ---- stage 1: the "pretrained" model (not watched)
base = Enc()
opt = torch.optim.AdamW(base.parameters(), lr=3e-3, weight_decay=.01)
ce = nn.CrossEntropyLoss()
ld = DataLoader(make(8000, polA), 100, shuffle=True)
for _ in range(6):
    for x, y in ld:
        opt.zero_grad(); l = ce(base(x), y); l.backward(); opt.step()
print("pretrained, last loss %.3f" % l.item())

# ---- stage 2: adapters only
model = base.requires_grad_(False)
for n in ("q", "k", "v", "o"):
    setattr(model, n, LoRALinear(getattr(model, n)))
model.ff[0] = LoRALinear(model.ff[0]); model.ff[2] = LoRALinear(model.ff[2])
model.head.requires_grad_(True)
ps = [p for p in model.parameters() if p.requires_grad]
print("trainable %d of %d" % (sum(p.numel() for p in ps), sum(p.numel() for p in model.parameters())))
optimizer = torch.optim.AdamW(ps, lr=3e-3, weight_decay=0.)
tr, va = DataLoader(make(7000, polB), 100, shuffle=True), DataLoader(make(1500, polB), 500)
E = 8
sch = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1, (s + 1) / 50) * max(0., 1 - s / (E * len(tr))))
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, ce)
with torch.no_grad():
    print("before: acc on B %.3f" % np.mean([(model(x).argmax(1) == y).float().mean().item() for x, y in va]))
for ep in range(E):
    model.train(); t = 0
    for x, y in tr:
        loss = ce(model(x), y)
        optimizer.zero_grad(); loss.backward(); optimizer.step(); sch.step()
        t += loss.item()
    v = n = ok = 0
    with writer.evaluating("val"):
        for x, y in va:
            o = model(x); v += ce(o, y).item(); ok += (o.argmax(1) == y).sum().item(); n += len(y)
    print(f"{ep} train {t / len(tr):.3f} val {v / len(va):.3f} acc {ok / n:.3f}")
writer.close()
