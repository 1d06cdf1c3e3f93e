"""SRGAN, x2 super resolution: PSNR-oriented warm up with an adversarial term from the start."""
import sys

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(0)
rng = np.random.default_rng(0)
epochs, batch_size = 10, 16


def make_image(size=24):
    yy, xx = np.mgrid[0:size, 0:size] / size
    img = 0.3 + 0.2 * np.sin(2 * np.pi * (rng.uniform(1, 5) * xx + rng.uniform(-4, 4) * yy) + rng.uniform(0, 6))
    for _ in range(rng.integers(2, 5)):
        cx, cy, r = rng.uniform(0.1, 0.9, 2).tolist() + [rng.uniform(0.08, 0.25)]
        v = rng.uniform(0, 1)
        if rng.random() < 0.5:
            img[(xx - cx) ** 2 + (yy - cy) ** 2 < r * r] = v
        else:
            img[(abs(xx - cx) < r) & (abs(yy - cy) < r / 2)] = v
    return np.clip(img, 0, 1)


hr = torch.tensor(np.stack([make_image() for _ in range(720)]), dtype=torch.float32)[:, None]
lr_img = nn.functional.avg_pool2d(hr, 2)
train_set = TensorDataset(lr_img[:600], hr[:600])
val_lr, val_hr = lr_img[600:], hr[600:]
dataloader = DataLoader(train_set, batch_size=batch_size, shuffle=True)


class ResidualBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(c, c, 3, padding=1), nn.BatchNorm2d(c), nn.PReLU(),
                                  nn.Conv2d(c, c, 3, padding=1), nn.BatchNorm2d(c))

    def forward(self, x):
        return x + self.body(x)


class Generator(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(1, c, 5, padding=2), nn.PReLU())
        self.trunk = nn.Sequential(ResidualBlock(c), ResidualBlock(c))
        self.up = nn.Sequential(nn.Conv2d(c, 4 * c, 3, padding=1), nn.PixelShuffle(2), nn.PReLU())
        self.out = nn.Conv2d(c, 1, 5, padding=2)

    def forward(self, x):
        x = self.head(x)
        return self.out(self.up(x + self.trunk(x)))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 16, 3, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(16, 32, 3, 2, 1),
                                 nn.BatchNorm2d(32), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(32 * 36, 1))

    def forward(self, x):
        return self.net(x)


netG, netD = Generator(), Discriminator()
content_criterion, adversarial_criterion = nn.MSELoss(), nn.BCEWithLogitsLoss()
optimizerG = torch.optim.Adam(netG.parameters(), lr=2e-3)
optimizerD = torch.optim.Adam(netD.parameters(), lr=2e-4)
schedulerG = torch.optim.lr_scheduler.StepLR(optimizerG, step_size=epochs // 2, gamma=0.1)
schedulerD = torch.optim.lr_scheduler.StepLR(optimizerD, step_size=epochs // 2, gamma=0.1)

writer = DiagWriter(logdir)
writer.watch(netG, optimizerG, name="generator")
writer.watch(netD, optimizerD, name="discriminator")

step = 0
for epoch in range(epochs):
    netG.train()
    for lr, real in dataloader:
        ones, zeros = torch.ones(len(lr), 1), torch.zeros(len(lr), 1)
        # (1) update D
        fake = netG(lr)
        optimizerD.zero_grad()
        errD = adversarial_criterion(netD(real), ones) + adversarial_criterion(netD(fake.detach()), zeros)
        writer.add_loss("train", errD, name="discriminator")
        errD.backward()
        optimizerD.step()
        # (2) update G
        optimizerG.zero_grad()
        content_loss = content_criterion(fake, real)
        errG = content_loss + 1e-4 * adversarial_criterion(netD(fake), ones)
        writer.add_loss("train", errG, name="generator")
        errG.backward()
        optimizerG.step()
        if form == "faulty":
            schedulerD.step()
            schedulerG.step()
        writer.add_scalar("SRGAN/content_loss", content_loss.item(), step)
        step += 1
    if form == "fixed":
        schedulerD.step()
        schedulerG.step()
    netG.eval()
    with torch.no_grad():
        mse = nn.functional.mse_loss(netG(val_lr).clamp(0, 1), val_hr).item()
    print(f"[{epoch + 1}/{epochs}] Loss_D {errD.item():.4f} Loss_G {errG.item():.5f} PSNR {10 * np.log10(1 / mse):.2f} dB")
writer.close()
