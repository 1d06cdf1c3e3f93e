"""Relativistic average GAN (RaLSGAN-like, logistic form) with R1 penalty on a mixture in the plane; EMA generator is evaluated."""
import sys, copy
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.manual_seed(0); torch.set_num_threads(1)
rng = np.random.default_rng(0)
CENT = torch.tensor(rng.uniform(-1.5, 1.5, (5, 2)), dtype=torch.float32)
W = torch.tensor([.35, .25, .2, .1, .1])


def real(n):
    k = torch.multinomial(W, n, replacement=True)
    return CENT[k] + torch.randn(n, 2) * torch.tensor([.15, .25])


class MLP(nn.Sequential):
    def __init__(self, i, o, h=64):
        super().__init__(nn.Linear(i, h), nn.LeakyReLU(.2), nn.Linear(h, h), nn.LeakyReLU(.2), nn.Linear(h, o))


def energy_distance(a, b):
    return (2 * torch.cdist(a, b).mean() - torch.cdist(a, a).sum() / (len(a) * (len(a) - 1)) - torch.cdist(b, b).sum() / (len(b) * (len(b) - 1))).item()


G, D = MLP(4, 2), MLP(2, 1)
G_ema = copy.deepcopy(G)
og = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0., .99))
od = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0., .99))
w = DiagWriter(sys.argv[1])
w.watch(G, og, name="generator"); w.watch(D, od, name="discriminator")
test = real(2000); B = 128
for it in range(3000):
    x = real(B).requires_grad_(True); z = torch.randn(B, 4)
    fake = G(z).detach()
    dr, df = D(x), D(fake)
    r1 = torch.autograd.grad(dr.sum(), x, create_graph=True)[0].pow(2).sum(1).mean()
    loss_d = F.softplus(-(dr - df.mean())).mean() + F.softplus(df - dr.mean()).mean() + .1 * r1
    od.zero_grad(); loss_d.backward(); w.add_loss("discriminator", loss_d); od.step()
    x = real(B); fake = G(torch.randn(B, 4))
    dr, df = D(x), D(fake)
    loss_g = F.softplus(-(df - dr.mean())).mean() + F.softplus(dr - df.mean()).mean()
    og.zero_grad(); loss_g.backward(); w.add_loss("generator", loss_g); og.step()
    with torch.no_grad():
        for a, b in zip(G_ema.parameters(), G.parameters()): a.lerp_(b, .005)
    if it % 300 == 299:
        with torch.no_grad():
            ed = energy_distance(G_ema(torch.randn(2000, 4)), test)
        w.add_scalar("energy_distance", ed, it)
        print(it + 1, round(loss_d.item(), 3), round(loss_g.item(), 3), round(ed, 5))
w.close()
with torch.no_grad():
    s = G_ema(torch.randn(2000, 4)); share = torch.bincount(torch.cdist(s, CENT).argmin(1), minlength=5) / 2000
g0 = test.mean(0) + torch.randn(2000, 2) @ torch.linalg.cholesky(torch.cov(test.T)).T
print("RESULT energy_distance", round(ed, 5), "two_real_samples", round(energy_distance(real(2000), test), 5), "single_gaussian", round(energy_distance(g0, test), 4), "mode_shares", [round(q, 2) for q in share.tolist()])
