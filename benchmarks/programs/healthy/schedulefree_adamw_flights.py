"""Arrival delay of flights (minutes) with schedule-free AdamW (Defazio et al. 2024), written out by hand.

There is no schedule: the rate is constant after a warm-up, evaluation happens at the averaged point x, gradients are taken at
y = (1-beta) z + beta x.  optimizer.train() / optimizer.eval() swap the weights in place.
Delays are heavy-tailed, log-cosh on a signed square root of the delay."""
import sys
import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2)
rng = np.random.default_rng(2)


class ScheduleFreeAdamW(Optimizer):
    def __init__(self, params, lr=5e-3, betas=(.9, .999), eps=1e-8, weight_decay=0., warmup=50):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, warmup=warmup, k=0, weight_sum=0., training=True))

    @torch.no_grad()
    def _swap(self, to_train):
        for g in self.param_groups:
            if g["training"] != to_train:
                b = g["betas"][0]
                for p in g["params"]:
                    z = self.state[p].get("z")
                    if z is not None:
                        p.lerp_(z, 1 - b) if to_train else p.lerp_(z, 1 - 1 / b)
                g["training"] = to_train

    def train(self):
        self._swap(True)

    def eval(self):
        self._swap(False)

    @torch.no_grad()
    def step(self, closure=None):
        for g in self.param_groups:
            b1, b2 = g["betas"]
            g["k"] += 1
            k = g["k"]
            lr = g["lr"] * min(1, k / g["warmup"]) * (1 - b2 ** k) ** .5
            w = lr ** 2
            g["weight_sum"] += w
            ck = w / g["weight_sum"]
            for p in g["params"]:
                if p.grad is None:
                    continue
                s = self.state[p]
                if not s:
                    s["z"], s["v"] = p.clone(), torch.zeros_like(p)
                z, v = s["z"], s["v"]
                v.mul_(b2).addcmul_(p.grad, p.grad, value=1 - b2)
                d = p.grad / (v.sqrt() + g["eps"]) + g["weight_decay"] * p
                p.lerp_(z, ck)
                p.add_(d, alpha=lr * (b1 * (1 - ck) - 1))
                z.sub_(d, alpha=lr)


# ------------------------------------------------------------------ data
n = 9000
carrier, origin, dest = rng.integers(0, 9, n), rng.integers(0, 30, n), rng.integers(0, 30, n)
hour = np.clip(rng.normal(14, 4.5, n), 5, 23)
month, dist = rng.integers(0, 12, n), np.exp(rng.normal(6.4, .5, n))
wind, vis = rng.gamma(2, 5, n), np.minimum(10, rng.gamma(6, 2.2, n))
prev = rng.standard_t(3, n) * 9 + 1.2 * (hour - 8)
base = rng.normal(0, 3, 9)[carrier] + rng.normal(0, 3, 30)[origin] + rng.normal(0, 3.5, 30)[dest] + 4 * np.sin((month - 5) / 12 * 6.28)
mean = base + .55 * np.clip(prev, 0, None) + .4 * np.clip(wind - 12, 0, None) + 2.2 * np.clip(4 - vis, 0, None) + .7 * (hour - 12) - 6
delay = mean + rng.standard_t(3, n) * 10
t = np.sign(delay) * np.sqrt(np.abs(delay))
num = np.stack([hour, np.sin(month / 12 * 6.28), np.cos(month / 12 * 6.28), np.log(dist), wind, vis, np.sign(prev) * np.sqrt(np.abs(prev))], 1)
num = (num - num.mean(0)) / num.std(0)
cat = torch.tensor(np.stack([carrier, origin, dest], 1))
num, t = torch.tensor(num, dtype=torch.float32), torch.tensor((t - t.mean()) / t.std(), dtype=torch.float32)
tr, va = torch.arange(7200), torch.arange(7200, n)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embs = nn.ModuleList([nn.Embedding(9, 3), nn.Embedding(30, 5), nn.Embedding(30, 5)])
        for e in self.embs:
            nn.init.normal_(e.weight, std=.1)
        self.mlp = nn.Sequential(nn.Linear(20, 48), nn.ReLU(), nn.Dropout(.2), nn.Linear(48, 24), nn.ReLU(), nn.Linear(24, 1))

    def forward(self, c, x):
        return self.mlp(torch.cat([e(c[:, i]) for i, e in enumerate(self.embs)] + [x], 1)).squeeze(1)


class LogCosh(nn.Module):
    def forward(self, a, b):
        d = a - b
        return (d + nn.functional.softplus(-2 * d) - np.log(2)).mean()


model, crit = Net(), LogCosh()
opt = ScheduleFreeAdamW(model.parameters(), lr=4e-3, weight_decay=1e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, crit)
EPOCHS = 6
for epoch in range(EPOCHS):
    model.train()
    opt.train()
    tot = 0
    for b in tr[torch.randperm(len(tr))].split(64):
        opt.zero_grad()
        loss = crit(model(cat[b], num[b]), t[b])
        loss.backward()
        opt.step()
        tot += loss.item() * len(b)
    model.eval()
    opt.eval()
    with torch.no_grad(), writer.evaluating("val"):
        p = model(cat[va], num[va])
        v = crit(p, t[va]).item()
    print(f"epoch {epoch + 1:2d}: train {tot / len(tr):.4f} (at y), val {v:.4f} (at x), R2 {1 - ((p - t[va]) ** 2).mean() / t[va].var():.3f}")
writer.close()
print(f"RESULT train {tot / len(tr):.4f} val {v:.4f} constant {crit(torch.zeros(len(va)), t[va]).item():.4f}")
