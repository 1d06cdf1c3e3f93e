import argparse, copy, math
import numpy as np, torch
from torch import nn
from sklearn.datasets import make_swiss_roll
from tb_lossdiag import DiagWriter

p = argparse.ArgumentParser()
p.add_argument("logdir")
p.add_argument("--steps", type=int, default=2800)
p.add_argument("--lr", type=float, default=2e-3)
p.add_argument("--T", type=int, default=100)
args = p.parse_args()
torch.set_num_threads(1)
torch.manual_seed(0)

X = make_swiss_roll(20000, noise=0.3, random_state=0)[0][:, [0, 2]]
X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)

betas = torch.linspace(1e-4, 0.06, args.T)
abar = torch.cumprod(1 - betas, 0)


class TimeEmb(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.register_buffer("f", torch.exp(-math.log(1000) * torch.arange(d // 2) / (d // 2)))

    def forward(self, t):
        a = t[:, None].float() * self.f
        return torch.cat([a.sin(), a.cos()], 1)


class Block(nn.Module):
    def __init__(self, h, d):
        super().__init__()
        self.norm = nn.LayerNorm(h)
        self.a = nn.Linear(h, h); self.e = nn.Linear(d, h); self.b = nn.Linear(h, h)

    def forward(self, x, e):
        return x + self.b(nn.functional.silu(self.a(self.norm(x)) + self.e(e)))


class Eps(nn.Module):
    def __init__(self, h=96):
        super().__init__()
        self.temb = TimeEmb()
        self.inp = nn.Linear(2, h)
        self.blocks = nn.ModuleList(Block(h, 32) for _ in range(2))
        self.out = nn.Linear(h, 2)
        nn.init.zeros_(self.out.weight); nn.init.zeros_(self.out.bias)

    def forward(self, x, t):
        e = self.temb(t); h = self.inp(x)
        for b in self.blocks:
            h = b(h, e)
        return self.out(h)


model = Eps()
ema = copy.deepcopy(model).requires_grad_(False)
opt = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.0)
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1, (s + 1) / 200) * 0.5 * (1 + math.cos(math.pi * s / args.steps)))
mse = nn.MSELoss()
w = DiagWriter(args.logdir)
w.watch(model, opt, mse)

hist = []
for step in range(args.steps):
    x0 = X[torch.randint(0, len(X), (256,))]
    t = torch.randint(0, args.T, (256,))
    eps = torch.randn_like(x0)
    xt = abar[t].sqrt()[:, None] * x0 + (1 - abar[t]).sqrt()[:, None] * eps
    loss = mse(model(xt, t), eps)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    sched.step()
    with torch.no_grad():
        for q, r in zip(ema.parameters(), model.parameters()):
            q.lerp_(r, 0.005)
    hist.append(loss.item())
    if step % 700 == 699:
        print(step + 1, "loss %.4f" % np.mean(hist[-700:]))

# ancestral sampling from the EMA weights
x = torch.randn(2000, 2)
with torch.no_grad():
    for i in reversed(range(args.T)):
        e = ema(x, torch.full((2000,), i))
        x = (x - betas[i] / (1 - abar[i]).sqrt() * e) / (1 - betas[i]).sqrt()
        if i:
            x = x + betas[i].sqrt() * torch.randn_like(x)
print("median distance of samples to data %.4f" % torch.cdist(x, X[:5000]).min(1).values.median().item(), "last700 %.4f" % np.mean(hist[-700:]))
w.close()
