"""GAN for one-period water surface profiles (32 points), after the DCGAN tutorial.
Simulated: second order Stokes waves of random height, phase and steepness plus a little swell."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(999)
np.random.seed(999)
torch.set_num_threads(1)

nz, ngf, ndf, npts = 8, 64, 64, 32
batch_size, num_epochs, lr, beta1 = 64, 30, 5e-4, 0.5


def profiles(n, rng):
    t = np.linspace(0, 2 * np.pi, npts, endpoint=False)
    h = rng.choice([0.25, 0.6], size=(n, 1)) + 0.04 * rng.randn(n, 1)
    ph = rng.uniform(0, 2 * np.pi, (n, 1))
    st = rng.uniform(0.15, 0.35, (n, 1))
    y = h * np.cos(t + ph) + h * st * np.cos(2 * (t + ph))
    return np.clip(y, -1, 1).astype(np.float32)


rng = np.random.RandomState(1)
real_set = torch.from_numpy(profiles(4096, rng))
held_out = torch.from_numpy(profiles(2048, rng))
dataloader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(real_set), batch_size=batch_size, shuffle=True, drop_last=True)

netG = nn.Sequential(
    nn.Linear(nz, ngf), nn.BatchNorm1d(ngf), nn.ReLU(True),
    nn.Linear(ngf, ngf * 2), nn.BatchNorm1d(ngf * 2), nn.ReLU(True),
    nn.Linear(ngf * 2, npts), nn.Tanh())
netD = nn.Sequential(
    nn.Linear(npts, ndf * 2), nn.LeakyReLU(0.2, inplace=True),
    nn.Linear(ndf * 2, ndf), nn.LeakyReLU(0.2, inplace=True),
    nn.Linear(ndf, 1))

criterion = nn.BCEWithLogitsLoss()
if mode == "faulty":
    optimizerD = torch.optim.Adam(netG.parameters(), lr=lr, betas=(beta1, 0.999))
else:
    optimizerD = torch.optim.Adam(netD.parameters(), lr=lr, betas=(beta1, 0.999))
optimizerG = torch.optim.Adam(netG.parameters(), lr=lr, betas=(beta1, 0.999))

writer = DiagWriter(logdir)
writer.watch(netD, optimizerD, criterion, name="discriminator")
writer.watch(netG, optimizerG, criterion, name="generator")

iters = 0
for epoch in range(num_epochs):
    for (real,) in dataloader:
        b = real.size(0)
        netD.zero_grad()
        errD_real = criterion(netD(real), torch.ones(b, 1))
        errD_real.backward()
        fake = netG(torch.randn(b, nz))
        errD_fake = criterion(netD(fake.detach()), torch.zeros(b, 1))
        errD_fake.backward()
        optimizerD.step()

        netG.zero_grad()
        fake = netG(torch.randn(b, nz))
        errG = criterion(netD(fake), torch.ones(b, 1))
        errG.backward()
        optimizerG.step()
        iters += 1
        if iters % 20 == 0:
            writer.add_scalar("Loss/D", (errD_real + errD_fake).item(), iters)
            writer.add_scalar("Loss/G", errG.item(), iters)
    if epoch % 10 == 0:
        print(f"[{epoch}/{num_epochs}] Loss_D {(errD_real + errD_fake).item():.4f} Loss_G {errG.item():.4f}")

netG.eval()
with torch.no_grad():
    s = netG(torch.randn(2048, nz))
    dirs = torch.nn.functional.normalize(torch.randn(npts, 200), dim=0)
    sw = ((s @ dirs).sort(0)[0] - (held_out @ dirs).sort(0)[0]).abs().mean().item()
writer.close()
print(f"RESULT sliced_wasserstein {sw:.4f}")
