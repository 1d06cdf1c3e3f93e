"""DDPM on two moons; predicts the noise, whose loss has a floor well above 0."""
import sys
import torch
from torch import nn
from sklearn.datasets import make_moons
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)
LR = 6e-3
T = 60
X = torch.tensor(make_moons(4000, noise=.05, random_state=0)[0], dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
Xtr, Xva = X[:3500], X[3500:]
beta = torch.linspace(1e-3, .12, T); abar = torch.cumprod(1 - beta, 0)


class EpsNet(nn.Module):
    def __init__(self, h=96):
        super().__init__()
        self.temb = nn.Embedding(T, 32)
        self.net = nn.Sequential(nn.Linear(34, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, 2))

    def forward(self, x, t):
        return self.net(torch.cat([x, self.temb(t)], 1))


model = EpsNet(); mse = nn.MSELoss()
opt = torch.optim.Adam(model.parameters(), lr=LR)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 3000)
writer = DiagWriter(sys.argv[1]); writer.watch(model, opt, mse)


def noised(x, g=None):
    t = torch.randint(0, T, (len(x),), generator=g); e = torch.randn(x.shape, generator=g)
    return abar[t].sqrt()[:, None] * x + (1 - abar[t]).sqrt()[:, None] * e, t, e


for step in range(3000):
    xt, t, e = noised(Xtr[torch.randint(0, len(Xtr), (128,))])
    loss = mse(model(xt, t), e)
    opt.zero_grad(); loss.backward(); opt.step(); sched.step()
    if step % 300 == 299:
        with writer.evaluating("val"):
            g = torch.Generator().manual_seed(1)
            xt, t, e = noised(Xva.repeat(4, 1), g)
            v = mse(model(xt, t), e).item()
with torch.no_grad():
    x = torch.randn(1000, 2)
    for k in reversed(range(T)):
        eps = model(x, torch.full((1000,), k))
        x = (x - beta[k] / (1 - abar[k]).sqrt() * eps) / (1 - beta[k]).sqrt() + (beta[k].sqrt() * torch.randn_like(x) if k else 0)
    near = torch.cdist(x, Xtr).min(1).values
print(f"train {loss.item():.4f} val {v:.4f} median dist of samples to data {near.median():.3f}")
writer.close()
