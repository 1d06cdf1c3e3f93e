"""EDM-style denoiser (Karras et al. 2022 preconditioning, log-normal noise levels) for the 13 chemical values of the wine data.
The weighted denoising loss cannot go to zero; a Gaussian-mixture denoiser gives the reference."""
import sys
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(44)
X = torch.tensor(StandardScaler().fit_transform(load_wine().data)).float()
X = X[torch.randperm(len(X))]
train, held = X[:130], X[130:]
SD = 1.0


class Denoiser(nn.Module):
    def __init__(self, d=13, h=64):
        super().__init__()
        self.freqs = nn.Buffer(torch.randn(8) * 0.5)
        self.inp = nn.Linear(d, h)
        self.cond = nn.Linear(16, h)
        self.mid = nn.Sequential(nn.SiLU(), nn.Dropout(0.2), nn.Linear(h, h), nn.SiLU())
        self.out = nn.Linear(h, d)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x, sigma):
        c_skip = SD ** 2 / (sigma ** 2 + SD ** 2)
        c_out = sigma * SD / (sigma ** 2 + SD ** 2).sqrt()
        c_in = 1 / (sigma ** 2 + SD ** 2).sqrt()
        a = (sigma.log() / 4) * self.freqs * 6.283
        h = self.inp(c_in * x) + self.cond(torch.cat([a.sin(), a.cos()], 1))
        return c_skip * x + c_out * self.out(self.mid(h))


def edm_loss(net, x, gen=None):
    sigma = (torch.randn(len(x), 1, generator=gen) * 1.0 - 0.4).exp()
    n = torch.randn(x.shape, generator=gen) * sigma
    w = (sigma ** 2 + SD ** 2) / (sigma * SD) ** 2
    return (w * (net(x + n, sigma) - x) ** 2).mean()


net = Denoiser()
opt = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.05)
STEPS = 700
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda t: min(1, (t + 1) / 50) * (1 - t / STEPS))
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt)
for i in range(STEPS):
    net.train()
    x = train[torch.randint(len(train), (256,))]
    loss = edm_loss(net, x)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    opt.step()
    sched.step()
    writer.add_scalar("Loss/train", loss.item(), i)
    if i % 50 == 49:
        net.eval()
        with torch.no_grad():
            v = edm_loss(net, held.repeat(100, 1), torch.Generator().manual_seed(0)).item()
        writer.add_scalar("Loss/val", v, i)
        print(i + 1, f"{loss.item():.3f} {v:.3f}")


def gauss(x, s):
    # best denoiser if the data were one Gaussian with the training covariance
    U, lam = GA
    mu = train.mean(0)
    z = (x - mu) @ U
    return mu + (z * (lam / (lam + s ** 2))) @ U.T


lam, U = torch.linalg.eigh(torch.cov(train.T) * 0.98 + 0.02 * torch.eye(13))
GA = (U, lam)
g = edm_loss(gauss, held.repeat(100, 1), torch.Generator().manual_seed(0)).item()
writer.close()
print(f"RESULT val_loss {v:.4f} gaussian_denoiser {g:.4f} start 1.0 train_noisy {loss.item():.3f}")
