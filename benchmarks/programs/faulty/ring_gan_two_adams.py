"""Small GAN on two concentric rings (simulated 2-D points), BCE losses as in the DCGAN tutorial.

python ring_gan_two_adams.py faulty|fixed LOGDIR
"""
import math
import sys

import torch
import torch.nn as nn
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.manual_seed(999)
torch.set_num_threads(1)
nz, batch_size, num_steps, lr, beta1 = 8, 128, 900, 1e-3, 0.5


def real_points(n):
    a = torch.rand(n) * 2 * math.pi
    r = torch.where(torch.rand(n) < 0.5, torch.tensor(0.6), torch.tensor(1.4)) + 0.05 * torch.randn(n)
    return torch.stack([r * a.cos() + 1.0, r * a.sin() - 0.5], 1)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Linear(nz, 64), nn.ReLU(True), nn.Linear(64, 64), nn.ReLU(True), nn.Linear(64, 2))

    def forward(self, z):
        return self.main(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))

    def forward(self, x):
        return self.main(x).squeeze(1)


netG, netD = Generator(), Discriminator()
criterion = nn.BCEWithLogitsLoss()

# setup Adam optimizers for both G and D
optimizerD = optim.Adam(netD.parameters(), lr=lr, betas=(beta1, 0.999))
if sys.argv[1] == "faulty":
    optimizerG = optim.Adam(netD.parameters(), lr=lr, betas=(beta1, 0.999))
else:
    optimizerG = optim.Adam(netG.parameters(), lr=lr, betas=(beta1, 0.999))

writer = DiagWriter(sys.argv[2])
writer.watch(netD, optimizerD, name="discriminator")
writer.watch(netG, optimizerG, name="generator")

real_label, fake_label = torch.ones(batch_size), torch.zeros(batch_size)
for step in range(num_steps):
    # (1) update D: maximise log(D(x)) + log(1 - D(G(z)))
    netD.zero_grad()
    errD_real = criterion(netD(real_points(batch_size)), real_label)
    fake = netG(torch.randn(batch_size, nz))
    errD_fake = criterion(netD(fake.detach()), fake_label)
    errD = errD_real + errD_fake
    errD.backward()
    optimizerD.step()
    # (2) update G: maximise log(D(G(z)))
    netG.zero_grad()
    errG = criterion(netD(netG(torch.randn(batch_size, nz))), real_label)
    errG.backward()
    optimizerG.step()
    if step % 50 == 0:
        writer.add_scalar("Loss/D", errD.item(), step)
        writer.add_scalar("Loss/G", errG.item(), step)
        print("[%d/%d] Loss_D: %.4f Loss_G: %.4f" % (step, num_steps, errD.item(), errG.item()))


def sliced_w1(a, b, n=64):
    d = torch.randn(2, n, generator=torch.Generator().manual_seed(0))
    d = d / d.norm(dim=0)
    return ((a @ d).sort(0)[0] - (b @ d).sort(0)[0]).abs().mean().item()


with torch.no_grad():
    netG.eval()
    real, sample = real_points(3000), netG(torch.randn(3000, nz))
    print("two real sets:", round(sliced_w1(real, real_points(3000)), 4))
writer.close()
print("RESULT sliced_w1", round(sliced_w1(real, sample), 4))
