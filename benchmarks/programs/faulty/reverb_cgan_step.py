# conditional LSGAN: room description -> energy decay curve of its impulse response
# (the training_step of image2reverb, without lightning and with a toy "spectrogram")
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)
faulty = sys.argv[1] == "faulty"
N_BIN, N_FEAT, N_Z = 32, 3, 8


def rooms(n):
    vol = np.random.uniform(0, 1, n)            # normalised volume
    absorb = np.random.uniform(0, 1, n)         # normalised absorption
    dist = np.random.uniform(0, 1, n)
    rt = 0.15 + 0.9 * vol * (1.1 - 0.8 * absorb) + 0.03 * np.random.randn(n)
    t = np.linspace(0, 1, N_BIN)
    spec = np.exp(-3.0 * t[None] / rt[:, None]) * (1 - 0.4 * dist[:, None])
    spec = spec + 0.04 * np.random.randn(n, N_BIN)
    f = np.stack([vol, absorb, dist], 1) * 2 - 1
    return torch.tensor(spec * 2 - 1).float(), torch.tensor(f).float()


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(N_FEAT + N_Z, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64),
                                 nn.LeakyReLU(0.2), nn.Linear(64, N_BIN))

    def forward(self, f, z):
        return self.net(torch.cat([f, z], 1))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(N_BIN + N_FEAT, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64),
                                 nn.LeakyReLU(0.2), nn.Linear(64, 1))

    def forward(self, x, f):
        return self.net(torch.cat([x, f], 1))


g, d = Generator(), Discriminator()
g_opt = torch.optim.Adam(g.parameters(), lr=5e-4, betas=(0.5, 0.999))
d_opt = torch.optim.Adam(d.parameters(), lr=5e-4, betas=(0.5, 0.999))
writer = DiagWriter(sys.argv[2])
writer.watch(g, g_opt, name="g")
writer.watch(d, d_opt, name="d")

spec, feat = rooms(4000)
spec_v, feat_v = rooms(500)
batch_size = 32


def rt_error():
    with torch.no_grad():
        fake = torch.stack([g(feat_v, torch.randn(len(feat_v), N_Z)) for _ in range(8)]).mean(0)
    return F.l1_loss(fake, spec_v).item()


step = 0
for epoch in range(24):
    perm = torch.randperm(len(spec))
    for i in range(0, len(perm), batch_size):
        real_spec, f = spec[perm[i:i + batch_size]], feat[perm[i:i + batch_size]]
        fake_spec = g(f, torch.randn(len(f), N_Z))
        # generator
        if faulty:
            d_fake2 = d(fake_spec.detach(), f)
        else:
            d_fake2 = d(fake_spec, f)
        G_loss = F.mse_loss(d_fake2, torch.ones(d_fake2.shape))
        g_opt.zero_grad()
        G_loss.backward()
        g_opt.step()
        # discriminator
        d_fake = d(fake_spec.detach(), f)
        d_real = d(real_spec, f)
        D_loss = 0.5 * (F.mse_loss(d_real, torch.ones_like(d_real)) + F.mse_loss(d_fake, torch.zeros_like(d_fake)))
        d_opt.zero_grad()
        D_loss.backward()
        d_opt.step()
        writer.add_loss("g", G_loss)
        writer.add_loss("d", D_loss)
        step += 1
    if epoch % 4 == 3:
        print(f"epoch {epoch + 1} G {G_loss.item():.3f} D {D_loss.item():.3f} D_real {d_real.mean().item():.2f} "
              f"decay curve L1 {rt_error():.3f}")
writer.close()
print(f"RESULT steps={step} decay_L1={rt_error():.3f} G={G_loss.item():.3f} D={D_loss.item():.3f}")
