# pix2pix (eriklindernoren/PyTorch-GAN implementations/pix2pix): U-Net generator, PatchGAN, MSE adversarial loss + 100 * L1,
# Adam (0.5, 0.999), batch of 8, rate 6e-4 since the nets are narrow; on 16x16 outlines -> filled shapes
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)

def weights_init_normal(m):
    name = m.__class__.__name__
    if name.find("Conv") != -1:
        nn.init.normal_(m.weight.data, 0.0, 0.02)
    elif name.find("BatchNorm2d") != -1:
        nn.init.normal_(m.weight.data, 1.0, 0.02); nn.init.constant_(m.bias.data, 0.0)

class UNetDown(nn.Module):
    def __init__(self, i, o, normalize=True, dropout=0.0):
        super().__init__()
        layers = [nn.Conv2d(i, o, 4, 2, 1, bias=False)]
        if normalize: layers.append(nn.InstanceNorm2d(o))
        layers.append(nn.LeakyReLU(0.2))
        if dropout: layers.append(nn.Dropout(dropout))
        self.model = nn.Sequential(*layers)
    def forward(self, x): return self.model(x)

class UNetUp(nn.Module):
    def __init__(self, i, o, dropout=0.0):
        super().__init__()
        layers = [nn.ConvTranspose2d(i, o, 4, 2, 1, bias=False), nn.InstanceNorm2d(o), nn.ReLU(inplace=True)]
        if dropout: layers.append(nn.Dropout(dropout))
        self.model = nn.Sequential(*layers)
    def forward(self, x, skip): return torch.cat((self.model(x), skip), 1)

class GeneratorUNet(nn.Module):
    def __init__(self, c=24):
        super().__init__()
        self.down1 = UNetDown(1, c, normalize=False); self.down2 = UNetDown(c, 2 * c); self.down3 = UNetDown(2 * c, 4 * c, dropout=0.5)
        self.up1 = UNetUp(4 * c, 2 * c, dropout=0.5); self.up2 = UNetUp(4 * c, c)
        self.final = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(2 * c, 16, 3, padding=1), nn.LeakyReLU(.2), nn.Conv2d(16, 3, 3, padding=1), nn.Tanh())
    def forward(self, x):
        d1 = self.down1(x); d2 = self.down2(d1); d3 = self.down3(d2)
        return self.final(self.up2(self.up1(d3, d2), d1))

class Discriminator(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.model = nn.Sequential(nn.Conv2d(4, c, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(c, 2 * c, 4, 2, 1), nn.InstanceNorm2d(2 * c), nn.LeakyReLU(0.2), nn.Conv2d(2 * c, 1, 3, padding=1, bias=False))
    def forward(self, img_A, img_B): return self.model(torch.cat((img_A, img_B), 1))

def pairs(n, seed):
    r = np.random.default_rng(seed); yy, xx = np.mgrid[:16, :16]
    A, B = np.full((n, 1, 16, 16), -1, "float32"), np.full((n, 3, 16, 16), -1, "float32")
    for i in range(n):
        cx, cy, s = r.uniform(5, 11), r.uniform(5, 11), r.uniform(2.5, 5); kind = r.integers(3)
        d = [np.hypot(xx - cx, yy - cy), np.maximum(abs(xx - cx), abs(yy - cy)), abs(xx - cx) + abs(yy - cy)][kind]
        A[i, 0][(d <= s) & (d > s - 1.1)] = 1
        col = [(1, .1, -.6), (-.5, .8, .1), (-.3, -.2, 1)][kind] + r.normal(0, .08, 3)
        for c in range(3):
            B[i, c][d <= s] = np.clip(col[c] - .05 * (yy - cy), -1, 1)[d <= s] if kind is not None else 0
    return torch.tensor(A), torch.tensor(B)

train_A, train_B = pairs(1200, 1); val_A, val_B = pairs(200, 2)
criterion_GAN, criterion_pixelwise, lambda_pixel = nn.MSELoss(), nn.L1Loss(), 100
generator, discriminator = GeneratorUNet(), Discriminator()
generator.apply(weights_init_normal); discriminator.apply(weights_init_normal)
optimizer_G = torch.optim.Adam(generator.parameters(), lr=0.0006, betas=(0.5, 0.999))
optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=0.0006, betas=(0.5, 0.999))
writer = DiagWriter(sys.argv[1])
writer.watch(generator, optimizer_G, name="generator"); writer.watch(discriminator, optimizer_D, name="discriminator")

for epoch in range(12):
    for b in torch.randperm(len(train_A)).split(8):
        real_A, real_B = train_A[b], train_B[b]
        valid, fake = torch.ones(len(b), 1, 4, 4), torch.zeros(len(b), 1, 4, 4)
        optimizer_G.zero_grad()
        fake_B = generator(real_A)
        loss_GAN = criterion_GAN(discriminator(fake_B, real_A), valid)
        loss_pixel = criterion_pixelwise(fake_B, real_B)
        loss_G = loss_GAN + lambda_pixel * loss_pixel
        loss_G.backward(); optimizer_G.step()
        optimizer_D.zero_grad()
        loss_D = 0.5 * (criterion_GAN(discriminator(real_B, real_A), valid) + criterion_GAN(discriminator(fake_B.detach(), real_A), fake))
        loss_D.backward(); optimizer_D.step()
    generator.eval()
    with torch.no_grad():
        vl1 = criterion_pixelwise(generator(val_A), val_B).item()
    generator.train()
    writer.add_scalar("val_L1", vl1, epoch)
    print(f"[Epoch {epoch}] [D {loss_D.item():.4f}] [G {loss_G.item():.3f} pixel {loss_pixel.item():.4f} adv {loss_GAN.item():.3f}] val L1 {vl1:.4f}")
writer.close()
base = criterion_pixelwise(train_B.mean(0, keepdim=True).expand_as(val_B), val_B).item()
print(f"RESULT val_L1 {vl1:.4f} mean_image_L1 {base:.4f} loss_D {loss_D.item():.3f} loss_GAN {loss_GAN.item():.3f}")
