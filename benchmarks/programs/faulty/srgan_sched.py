import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser(description="Super resolution GAN, x2")
parser.add_argument("form", choices=["faulty", "fixed"])
parser.add_argument("logdir")
parser.add_argument("--epochs", type=int, default=16)
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--lr", type=float, default=5e-3)
parser.add_argument("--seed", type=int, default=666)
args = parser.parse_args()

torch.manual_seed(args.seed)
torch.set_num_threads(1)


class ResidualBlock(nn.Module):
    def __init__(self, ch):
        super().__init__()
        self.conv1 = nn.Conv2d(ch, ch, 3, padding=1)
        self.prelu = nn.PReLU()
        self.conv2 = nn.Conv2d(ch, ch, 3, padding=1)

    def forward(self, x):
        return x + self.conv2(self.prelu(self.conv1(x)))


class Generator(nn.Module):
    def __init__(self, ch=14, n_blocks=2):
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(1, ch, 3, padding=1), nn.PReLU())
        self.body = nn.Sequential(*[ResidualBlock(ch) for _ in range(n_blocks)])
        self.up = nn.Sequential(nn.Conv2d(ch, ch * 4, 3, padding=1), nn.PixelShuffle(2), nn.PReLU())
        self.tail = nn.Conv2d(ch, 1, 3, padding=1)

    def forward(self, x):
        h = self.head(x)
        return self.tail(self.up(h + self.body(h)))


class Discriminator(nn.Module):
    def __init__(self, ch=8):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, ch, 3, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(ch, ch * 2, 3, stride=2, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(ch * 2, ch * 2, 3, stride=2, padding=1), nn.LeakyReLU(0.2),
        )
        self.classifier = nn.Linear(ch * 2 * 4, 1)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


hr = torch.from_numpy(load_digits().images.astype(np.float32) / 8.0 - 1.0).unsqueeze(1)
lr_img = F.avg_pool2d(hr, 2)
perm = torch.randperm(len(hr), generator=torch.Generator().manual_seed(0))
tr, va = perm[:800], perm[800:1200]
train_loader = DataLoader(TensorDataset(lr_img[tr], hr[tr]), batch_size=args.batch_size, shuffle=True)
val_loader = DataLoader(TensorDataset(lr_img[va], hr[va]), batch_size=128)

netG, netD = Generator(), Discriminator()
content_criterion = nn.MSELoss()
adversarial_criterion = nn.BCEWithLogitsLoss()
optimizerG = torch.optim.Adam(netG.parameters(), lr=args.lr)
optimizerD = torch.optim.Adam(netD.parameters(), lr=args.lr / 10)
schedulerG = StepLR(optimizerG, step_size=args.epochs // 2, gamma=0.1)
schedulerD = StepLR(optimizerD, step_size=args.epochs // 2, gamma=0.1)

writer = DiagWriter(args.logdir)
writer.watch(netG, optimizerG, content_criterion)
writer.watch(netD, optimizerD, name="discriminator")

for epoch in range(args.epochs):
    netG.train()
    total = 0.0
    for low, high in train_loader:
        real_label = torch.ones(low.size(0), 1)
        fake_label = torch.zeros(low.size(0), 1)

        optimizerD.zero_grad()
        sr = netG(low)
        errD = adversarial_criterion(netD(high), real_label) + adversarial_criterion(netD(sr.detach()), fake_label)
        errD.backward()
        optimizerD.step()

        optimizerG.zero_grad()
        content = content_criterion(sr, high)
        errG = content + 1e-3 * adversarial_criterion(netD(sr), real_label)
        errG.backward()
        optimizerG.step()
        total += content.item()
        if args.form == "faulty":
            schedulerG.step()
            schedulerD.step()
    if args.form == "fixed":
        schedulerG.step()
        schedulerD.step()

    netG.eval()
    mse, n = 0.0, 0
    with torch.no_grad(), writer.evaluating("val"):
        for low, high in val_loader:
            mse += content_criterion(netG(low), high).item() * len(low)
            n += len(low)
    psnr = 10 * np.log10(4 / (mse / n))
    print(f"[{epoch + 1}/{args.epochs}] content {total / len(train_loader):.4f} val mse {mse / n:.4f} PSNR {psnr:.2f}dB")
writer.close()
