"""GAN that forges short bursts of a pulse sensor (simulated damped oscillations, 32 samples).
Based on one of the many "vanilla GAN in PyTorch" posts."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(2)

L, Z, BATCH, STEPS = 32, 16, 64, 4000


def real_batch(n):
    t = torch.linspace(0, 1, L)[None]
    f = 1.5 + 1.5 * torch.rand(n, 1)
    a = 0.5 + 0.4 * torch.rand(n, 1)
    ph = 0.6 * torch.rand(n, 1)
    return a * torch.exp(-1.5 * t) * torch.cos(2 * np.pi * (f * t + ph)) + 0.03 * torch.randn(n, L)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(Z, 128), nn.LeakyReLU(0.2), nn.Linear(128, 128), nn.LeakyReLU(0.2),
                                 nn.Linear(128, L), nn.Tanh())

    def forward(self, z):
        return self.net(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(L, 128), nn.LeakyReLU(0.2), nn.Dropout(0.2),
                                 nn.Linear(128, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))

    def forward(self, x):
        return self.net(x)


def gaussian_distance(a, b):
    """Frechet distance of the two sets of waveforms"""
    from scipy.linalg import sqrtm
    a, b = a.numpy(), b.numpy()
    ca, cb = np.cov(a.T), np.cov(b.T)
    root = sqrtm(ca @ cb + 1e-9 * np.eye(L)).real
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca + cb - 2 * root))


G, D = Generator(), Discriminator()
opt_g = torch.optim.Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))
bce = nn.BCEWithLogitsLoss()
writer = DiagWriter(logdir)
writer.watch(G, opt_g, name="generator")
writer.watch(D, opt_d, name="discriminator")

ones, zeros = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)
for step in range(STEPS):
    real = real_batch(BATCH)
    fake = G(torch.randn(BATCH, Z))

    opt_d.zero_grad()
    loss_d = 0.5 * (bce(D(real), ones) + bce(D(fake.detach()), zeros))
    loss_d.backward()
    opt_d.step()

    opt_g.zero_grad()
    if mode == "faulty":
        fake = fake.detach()
    loss_g = bce(D(fake), ones)
    loss_g.backward()
    opt_g.step()

    if step % 50 == 0:
        writer.add_scalar("Loss/G", loss_g.item(), step)
        writer.add_scalar("Loss/D", loss_d.item(), step)
    if step % 500 == 499:
        with torch.no_grad():
            fd = gaussian_distance(G(torch.randn(2000, Z)), real_batch(2000))
        print(f"step {step + 1} loss_d {loss_d.item():.3f} loss_g {loss_g.item():.3f} distance {fd:.3f}")
writer.close()
print("RESULT frechet_distance", round(fd, 4))
