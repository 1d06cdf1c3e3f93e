"""SNGAN on 1d pulse shapes: spectral norm discriminator, hinge loss, TTUR (D 4x faster than G), Adam betas (0, 0.9), EMA generator.
The D loss settles below 2 and the G loss drifts around zero; only the sample statistics tell how good it is."""
import copy
import sys

import torch
import torch.nn as nn
from torch.nn.utils.parametrizations import spectral_norm
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(21)
LEN, Z, BATCH, ITERS = 32, 16, 64, 2000


def pulses(n):
    t = torch.arange(LEN).float()
    c, w = 8 + 16 * torch.rand(n, 1), 1.5 + 2 * torch.rand(n, 1)
    a = torch.where(torch.rand(n, 1) < 0.5, 1., -1.) * (0.6 + 0.4 * torch.rand(n, 1))
    return a * torch.exp(-((t - c) / w) ** 2) + 0.03 * torch.randn(n, LEN)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(Z, 32 * 8), nn.Unflatten(1, (32, 8)), nn.BatchNorm1d(32), nn.ReLU(),
                                 nn.Upsample(scale_factor=2), nn.Conv1d(32, 32, 5, padding=2), nn.BatchNorm1d(32), nn.ReLU(),
                                 nn.Upsample(scale_factor=2), nn.Conv1d(32, 16, 5, padding=2), nn.BatchNorm1d(16), nn.ReLU(),
                                 nn.Conv1d(16, 1, 5, padding=2), nn.Tanh())

    def forward(self, z):
        return self.net(z).squeeze(1) * 1.2


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        sn = spectral_norm
        self.net = nn.Sequential(sn(nn.Conv1d(1, 16, 5, stride=2, padding=2)), nn.LeakyReLU(0.1), sn(nn.Conv1d(16, 32, 5, stride=2, padding=2)), nn.LeakyReLU(0.1),
                                 nn.Flatten(), sn(nn.Linear(32 * 8, 64)), nn.LeakyReLU(0.1), sn(nn.Linear(64, 1)))

    def forward(self, x):
        return self.net(x.unsqueeze(1)).squeeze(1)


def features(x):
    """what a physicist would look at: area, peak, peak position, roughness, width"""
    p = x.abs()
    return torch.stack([x.sum(1), x.gather(1, p.argmax(1, keepdim=True)).squeeze(1), p.argmax(1).float() / LEN,
                        (x[:, 1:] - x[:, :-1]).pow(2).mean(1).sqrt(), (p > 0.3).float().sum(1) / LEN], 1)


def wasserstein(a, b):
    s = b.std(0)
    return ((a.sort(0).values - b.sort(0).values).abs().mean(0) / s).mean().item()


G, D = Generator(), Discriminator()
G_ema = copy.deepcopy(G)
opt_g = torch.optim.Adam(G.parameters(), lr=1e-4 * 5, betas=(0.0, 0.9))
opt_d = torch.optim.Adam(D.parameters(), lr=4e-4 * 5, betas=(0.0, 0.9))
sched = [torch.optim.lr_scheduler.LambdaLR(o, lambda i: 1 - max(0, i - ITERS // 2) / (ITERS / 2) * 0.95) for o in (opt_g, opt_d)]
writer = DiagWriter(sys.argv[1])
writer.watch(D, opt_d, name='discriminator')
writer.watch(G, opt_g, name='generator')
reference, ref2 = features(pulses(4000)), features(pulses(4000))
print('distance between two real samples %.4f' % wasserstein(ref2, reference))
for it in range(1, ITERS + 1):
    real, fake = pulses(BATCH), G(torch.randn(BATCH, Z)).detach()
    d_loss = torch.relu(1 - D(real)).mean() + torch.relu(1 + D(fake)).mean()
    opt_d.zero_grad(); d_loss.backward(); opt_d.step()
    g_loss = -D(G(torch.randn(BATCH, Z))).mean()
    opt_g.zero_grad(); g_loss.backward(); opt_g.step()
    for s in sched:
        s.step()
    writer.add_loss('discriminator', d_loss.item())
    writer.add_loss('generator', g_loss.item())
    with torch.no_grad():
        for p, q in zip(G_ema.state_dict().values(), G.state_dict().values()):
            p.copy_(q) if not p.is_floating_point() else p.lerp_(q, 0.01)
    if it % 200 == 0:
        G_ema.eval()
        with torch.no_grad():
            w = wasserstein(features(G_ema(torch.randn(4000, Z))), reference)
        print(f'[{it}/{ITERS}] Loss_D {d_loss.item():.3f} Loss_G {g_loss.item():+.3f} feature distance (ema) {w:.4f}')
writer.close()
