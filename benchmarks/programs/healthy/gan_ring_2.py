"""GAN with two optimizers for a 2-D ring of Gaussians: the losses hover about their equilibrium, the samples become right."""
import sys
import math
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)


def real(n):
    a = torch.randint(0, 6, (n,)) * (2 * math.pi / 6)
    return torch.stack([a.cos(), a.sin()], 1) + 0.1 * torch.randn(n, 2)


G = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
D = nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
og = torch.optim.Adam(G.parameters(), lr=5e-4, betas=(0.5, 0.9))
od = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.5, 0.9))
bce = nn.BCEWithLogitsLoss()
w = DiagWriter(sys.argv[1])
w.watch(G, og, name="G"); w.watch(D, od, name="D")
ones, zeros = torch.ones(128, 1), torch.zeros(128, 1)


def swd(n=2000):
    with torch.no_grad():
        a, b = G(torch.randn(n, 4)), real(n)
        th = torch.rand(64) * math.pi; p = torch.stack([th.cos(), th.sin()])
        return ((a @ p).sort(0).values - (b @ p).sort(0).values).abs().mean().item()


print("before", round(swd(), 4))
for it in range(1, 1601):
    x, z = real(128), torch.randn(128, 4)
    f = G(z)
    ld = bce(D(x), ones) + bce(D(f.detach()), zeros)
    w.add_loss("train", ld.detach(), name="D")
    od.zero_grad(); ld.backward(); od.step()
    lg = bce(D(f), ones)
    w.add_loss("train", lg.detach(), name="G")
    og.zero_grad(); lg.backward(); og.step()
    if it % 200 == 0: print(it, "D %.3f G %.3f sliced Wasserstein %.4f" % (ld, lg, swd()))
w.close()
