# conditional GAN (pix2pix style, L1 + adversarial): colourise 12x12 tiles. Two optimizers.
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
FAULTY = sys.argv[1] == "faulty"
torch.manual_seed(17)
rs = np.random.RandomState(17)
S, lambda_L1 = 12, 20.0


def tiles(n):
    """grey tile -> a, b colour channels; colour depends on brightness and on texture, with some real ambiguity"""
    base = rs.normal(0, 1, (n, 4, 4)).repeat(3, 1).repeat(3, 2)
    kind = rs.randint(0, 3, n)[:, None, None]
    tex = rs.normal(0, 1, (n, S, S)) * (.1 + .25 * (kind == 1)) + .5 * np.sin(np.arange(S) * 2.1)[None, None] * (kind == 2)
    grey = np.tanh(.6 * base + tex)
    a = np.tanh(.9 * base * (kind != 1) - .7 * (kind == 1)) * .8
    b = np.tanh(-.5 * base + .8 * (kind == 2) - .3) * .8
    ab = np.stack([a, b], 1) + rs.normal(0, .12, (n, 2, S, S))
    return torch.tensor(grey[:, None], dtype=torch.float32), torch.tensor(ab, dtype=torch.float32).clamp(-1, 1)


A, B = tiles(1600)
Av, Bv = tiles(300)


class Generator(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.model = nn.Sequential(nn.Conv2d(1, c, 5, padding=2), nn.BatchNorm2d(c), nn.ReLU(),
                                   nn.Conv2d(c, c, 3, padding=2, dilation=2), nn.BatchNorm2d(c), nn.ReLU(),
                                   nn.Conv2d(c, c, 3, padding=1), nn.BatchNorm2d(c), nn.ReLU(),
                                   nn.Conv2d(c, 2, 3, padding=1), nn.Tanh())

    def forward(self, x):
        return self.model(x)


class Discriminator(nn.Module):
    def __init__(self, c=12):
        super().__init__()
        self.model = nn.Sequential(nn.Conv2d(3, c, 4, 2, 1), nn.LeakyReLU(.2), nn.Conv2d(c, 2 * c, 4, 2, 1), nn.LeakyReLU(.2),
                                   nn.Conv2d(2 * c, 1, 3))

    def forward(self, grey, ab):
        return self.model(torch.cat([grey, ab], 1))


netG, netD = Generator(), Discriminator()
criterionGAN, criterionL1 = nn.BCEWithLogitsLoss(), nn.L1Loss()
optimizer_G = torch.optim.Adam(netG.parameters(), lr=0.001, betas=(0.5, 0.999))
optimizer_D = torch.optim.Adam(netD.parameters(), lr=0.0004, betas=(0.5, 0.999))
writer = DiagWriter(sys.argv[2])
writer.watch(netD, optimizer_D, criterionGAN, name="D")
writer.watch(netG, optimizer_G, criterionL1, name="G")

for epoch in range(9):
    netG.train()
    sumL1 = sumD = steps = 0
    for idx in torch.randperm(len(A)).split(32):
        real_A, real_B = A[idx], B[idx]
        fake_B = netG(real_A)
        # update D
        optimizer_D.zero_grad()
        pred_fake = netD(real_A, fake_B.detach())
        pred_real = netD(real_A, real_B)
        loss_D = .5 * (criterionGAN(pred_fake, torch.zeros_like(pred_fake)) + criterionGAN(pred_real, torch.ones_like(pred_real)))
        loss_D.backward()
        optimizer_D.step()
        # update G
        if FAULTY:
            optimizer_D.zero_grad()
        else:
            optimizer_G.zero_grad()
        pred_fake = netD(real_A, fake_B)
        loss_L1 = criterionL1(fake_B, real_B)
        loss_G = criterionGAN(pred_fake, torch.ones_like(pred_fake)) + lambda_L1 * loss_L1
        loss_G.backward()
        optimizer_G.step()
        sumL1 += loss_L1.item(); sumD += loss_D.item(); steps += 1
    netG.eval()
    with torch.no_grad(), writer.evaluating("val"):
        val = criterionL1(netG(Av), Bv).item()
    print("epoch %d: G_L1 %.4f D %.4f val_L1 %.4f" % (epoch, sumL1 / steps, sumD / steps, val))
writer.close()
print(f"RESULT train_L1 {sumL1 / steps:.4f} val_L1 {val:.4f} loss_D {sumD / steps:.4f} (predicting the mean: {(Bv - B.mean((0, 2, 3))[:, None, None]).abs().mean().item():.4f})")
