"""GAN for pairs (wind speed, power) of a turbine (simulated SCADA scatter): non-saturating loss, Adam with beta1 0.5, EMA generator for sampling.
Neither loss goes down in the usual sense: D ends near 2 log 2 and G near log 2."""
import copy
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(14)
rng = np.random.default_rng(14)


def scada(n):
    v = rng.weibull(2.0, n) * 8.5
    p = 1 / (1 + np.exp(-(v - 8.2) / 1.2)) + 0.05 * rng.normal(size=n)
    return torch.tensor(np.c_[(v - 7.5) / 3.9, (p - 0.4) / 0.36], dtype=torch.float32)


def mlp(i, o, act):
    return nn.Sequential(nn.Linear(i, 64), act, nn.Linear(64, 64), act, nn.Linear(64, o))


def sliced_w1(a, b, k=64):
    d = F.normalize(torch.randn(2, k, generator=torch.Generator().manual_seed(0)), dim=0)
    return ((a @ d).sort(0).values - (b @ d).sort(0).values).abs().mean().item()


netG, netD = mlp(4, 2, nn.ReLU()), mlp(2, 1, nn.LeakyReLU(0.2))
ema = copy.deepcopy(netG)
optG = torch.optim.Adam(netG.parameters(), lr=5e-4, betas=(0.5, 0.999))
optD = torch.optim.Adam(netD.parameters(), lr=5e-4, betas=(0.5, 0.999))
bce = nn.BCEWithLogitsLoss()
writer = DiagWriter(sys.argv[-1])
writer.watch(netD, optD, bce, name="discriminator")
writer.watch(netG, optG, bce, name="generator")
real_all, hold = scada(8000), scada(2000)
B = 128
ones, zeros = torch.ones(B, 1), torch.zeros(B, 1)
for step in range(1, 2501):
    real = real_all[torch.randint(len(real_all), (B,))]
    fake = netG(torch.randn(B, 4))
    lossD = bce(netD(real), ones) + bce(netD(fake.detach()), zeros)
    optD.zero_grad()
    lossD.backward()
    optD.step()

    lossG = bce(netD(fake), ones)
    optG.zero_grad()
    lossG.backward()
    optG.step()
    with torch.no_grad():
        for p, q in zip(ema.parameters(), netG.parameters()):
            p.lerp_(q, 0.005)
    if step % 500 == 0:
        with torch.no_grad():
            w = sliced_w1(ema(torch.randn(2000, 4)), hold)
        writer.add_scalar("sliced_w1", w, step)
        print(f"{step} D {lossD.item():.3f} G {lossG.item():.3f} sliced W1 {w:.4f}")
torch.manual_seed(0)
with torch.no_grad():
    ws = [sliced_w1(ema(torch.randn(2000, 4)), hold) for _ in range(5)]
writer.close()
rr = np.mean([sliced_w1(scada(2000), hold) for _ in range(5)])
gauss = torch.distributions.MultivariateNormal(real_all.mean(0), torch.cov(real_all.T))
print(f"RESULT sliced_w1 {np.mean(ws):.4f} real_vs_real {rr:.4f} fitted_gaussian {sliced_w1(gauss.sample((2000,)), hold):.4f} lossD {lossD.item():.3f} lossG {lossG.item():.3f}")
