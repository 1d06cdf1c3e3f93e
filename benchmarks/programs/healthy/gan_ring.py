"""GAN (non-saturating) on a 2-D ring of 6 gaussians; two networks, two optimizers."""
import sys, math
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)
LR = 1.5e-3


def real(n):
    a = torch.randint(0, 6, (n,)) * (2 * math.pi / 6)
    return torch.stack([a.cos(), a.sin()], 1) * 1.5 + .1 * torch.randn(n, 2)


G = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
D = nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(.2), nn.Linear(64, 64), nn.LeakyReLU(.2), nn.Linear(64, 1))
og, od = torch.optim.Adam(G.parameters(), lr=LR, betas=(.5, .999)), torch.optim.Adam(D.parameters(), lr=LR, betas=(.5, .999))
bce_d, bce_g = nn.BCEWithLogitsLoss(), nn.BCEWithLogitsLoss()
w = DiagWriter(sys.argv[1])
w.watch(D, od, bce_d, name="discriminator")
w.watch(G, og, bce_g, name="generator")
one, zero = torch.ones(128, 1), torch.zeros(128, 1)
for it in range(3000):
    x, fake = real(128), G(torch.randn(128, 8))
    od.zero_grad()
    ld = bce_d(torch.cat([D(x), D(fake.detach())]), torch.cat([one * .9, zero]))
    ld.backward()
    od.step()
    og.zero_grad()
    lg = bce_g(D(fake), one)
    lg.backward()
    og.step()
with torch.no_grad():
    s = G(torch.randn(2000, 8))
    c = torch.stack([torch.tensor([math.cos(k * math.pi / 3), math.sin(k * math.pi / 3)]) * 1.5 for k in range(6)])
    d, m = torch.cdist(s, c).min(1)
print(f"D {ld.item():.3f} G {lg.item():.3f} within .4 of a mode: {(d < .4).float().mean():.3f} mode shares {[round((m == k).float().mean().item(), 2) for k in range(6)]}")
w.close()
