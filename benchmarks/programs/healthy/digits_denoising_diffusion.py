import math, sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(12)
T, LR, BATCH, STEPS = 200, 5e-3, 48, 800
f = torch.cos((torch.arange(T + 1) / T + 0.008) / 1.008 * math.pi / 2) ** 2
abar = (f / f[0]).clamp(1e-4, 0.9999)[1:]


def t_embed(t, d=32):
    w = torch.exp(-math.log(1e4) * torch.arange(d // 2) / (d // 2))
    a = t[:, None].float() * w[None]
    return torch.cat([a.sin(), a.cos()], 1)


class Res(nn.Module):
    def __init__(self, c, e):
        super().__init__()
        self.n1, self.c1 = nn.GroupNorm(4, c), nn.Conv2d(c, c, 3, padding=1)
        self.n2, self.c2 = nn.GroupNorm(4, c), nn.Conv2d(c, c, 3, padding=1)
        self.e = nn.Linear(e, c)
        nn.init.zeros_(self.c2.weight); nn.init.zeros_(self.c2.bias)
        self.act = nn.SiLU()

    def forward(self, x, e):
        h = self.c1(self.act(self.n1(x))) + self.e(e)[:, :, None, None]
        return x + self.c2(self.act(self.n2(h)))


class EpsNet(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.temb = nn.Sequential(nn.Linear(32, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU())
        self.inp = nn.Conv2d(1, c, 3, padding=1)
        self.a, self.b = Res(c, 64), Res(c, 64)
        self.down = nn.Conv2d(c, 2 * c, 4, 2, 1)
        self.m = Res(2 * c, 64)
        self.up = nn.ConvTranspose2d(2 * c, c, 4, 2, 1)
        self.d = Res(c, 64)
        self.out = nn.Sequential(nn.GroupNorm(4, c), nn.SiLU(), nn.Conv2d(c, 1, 3, padding=1))

    def forward(self, x, t):
        e = self.temb(t_embed(t))
        h = self.b(self.a(self.inp(x), e), e)
        return self.out(self.d(h + self.up(self.m(self.down(h), e)), e))


X = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 8 - 1
X = X[torch.randperm(len(X))]
train, held = X[:1500], X[1500:]
net = EpsNet()
opt = torch.optim.AdamW(net.parameters(), lr=LR, weight_decay=1e-4)
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda k: min(1, (k + 1) / 60) * 0.5 * (1 + math.cos(math.pi * k / STEPS)))
loss_fn = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, loss_fn)
g = torch.Generator().manual_seed(0)
fixed_t, fixed_eps = torch.randint(0, T, (len(held),), generator=g), torch.randn(held.shape, generator=g)


def noised(x, t, eps):
    a = abar[t][:, None, None, None]
    return a.sqrt() * x + (1 - a).sqrt() * eps


run = []
for step in range(1, STEPS + 1):
    x = train[torch.randint(0, len(train), (BATCH,))]
    t, eps = torch.randint(0, T, (BATCH,)), torch.randn_like(x)
    opt.zero_grad()
    loss = loss_fn(net(noised(x, t, eps), t), eps)
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    opt.step()
    sched.step()
    run.append(loss.item())
    if step % 80 == 0:
        with writer.evaluating("val"):
            v = loss_fn(net(noised(held, fixed_t, fixed_eps), fixed_t), fixed_eps).item()
        print(f"step {step} train {np.mean(run[-80:]):.4f} val {v:.4f}")
writer.close()
