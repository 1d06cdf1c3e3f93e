import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
mode, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(0); np.random.seed(0)

T = 500
betas = torch.linspace(1e-4, 0.02, T)
abar = torch.cumprod(1 - betas, 0)


def spiral(n):
    r = np.sqrt(np.random.rand(n)) * 3 * np.pi
    xy = np.stack([r * np.cos(r), r * np.sin(r)], 1) + 0.15 * np.random.randn(n, 2)
    return torch.tensor(xy / 5.0, dtype=torch.float32)


class Denoiser(nn.Module):
    def __init__(self, h=128):
        super().__init__()
        self.inp = nn.Linear(3, h)
        self.h1, self.h2, self.h3 = nn.Linear(h, h), nn.Linear(h, h), nn.Linear(h, h)
        self.out = nn.Linear(h, 2)
        self.act = nn.SiLU()

    def forward(self, x, t):
        t = t.float() if mode == "faulty" else t.float() / T * 2 - 1
        h = self.act(self.inp(torch.cat([x, t[:, None]], 1)))
        h = h + self.act(self.h1(h))
        h = h + self.act(self.h2(h))
        h = h + self.act(self.h3(h))
        return self.out(h)


data = spiral(8000)
net = Denoiser()
opt = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-4)
mse = nn.MSELoss()
writer = DiagWriter(logdir)
writer.watch(net, opt, mse)
STEPS, B = 3000, 256
sched = torch.optim.lr_scheduler.OneCycleLR(opt, 2e-3, total_steps=STEPS, pct_start=0.1)
hist = []
for step in range(STEPS):
    x0 = data[torch.randint(0, len(data), (B,))]
    t = torch.randint(0, T, (B,))
    eps = torch.randn_like(x0)
    a = abar[t][:, None]
    xt = a.sqrt() * x0 + (1 - a).sqrt() * eps
    loss = mse(net(xt, t), eps)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    opt.step()
    sched.step()
    hist.append(loss.item())
    if (step + 1) % 500 == 0:
        print(step + 1, "loss", np.mean(hist[-500:]).round(4))


@torch.no_grad()
def sample(n):
    x = torch.randn(n, 2)
    for i in reversed(range(T)):
        e = net(x, torch.full((n,), i))
        x = (x - betas[i] / (1 - abar[i]).sqrt() * e) / (1 - betas[i]).sqrt()
        if i:
            x = x + betas[i].sqrt() * torch.randn_like(x)
    return x


writer.close()
net.eval()
s, ref = sample(1000), spiral(1000)
print("mean distance of samples to data", torch.cdist(s, ref).min(1)[0].mean().item(),
      "real to real", torch.cdist(spiral(1000), ref).min(1)[0].mean().item())
