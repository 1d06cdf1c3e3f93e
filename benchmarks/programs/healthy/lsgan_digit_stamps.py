# LSGAN, eriklindernoren/PyTorch-GAN implementations/lsgan/lsgan.py at the size of 8x8 digits
import argparse, sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
parser = argparse.ArgumentParser()
parser.add_argument("logdir")
parser.add_argument("--n_epochs", type=int, default=30)
parser.add_argument("--batch_size", type=int, default=64)
parser.add_argument("--lr", type=float, default=0.0004)
parser.add_argument("--b1", type=float, default=0.5)
parser.add_argument("--b2", type=float, default=0.999)
parser.add_argument("--latent_dim", type=int, default=32)
opt = parser.parse_args()


def weights_init_normal(m):
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        torch.nn.init.normal_(m.weight.data, 0.0, 0.02)
    elif classname.find("BatchNorm") != -1:
        torch.nn.init.normal_(m.weight.data, 1.0, 0.02)
        torch.nn.init.constant_(m.bias.data, 0.0)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = nn.Sequential(nn.Linear(opt.latent_dim, 64 * 2 ** 2))
        self.conv_blocks = nn.Sequential(
            nn.Upsample(scale_factor=2), nn.Conv2d(64, 64, 3, stride=1, padding=1), nn.BatchNorm2d(64), nn.LeakyReLU(0.2, inplace=True),
            nn.Upsample(scale_factor=2), nn.Conv2d(64, 32, 3, stride=1, padding=1), nn.BatchNorm2d(32), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(32, 1, 3, stride=1, padding=1), nn.Tanh())

    def forward(self, z):
        out = self.l1(z)
        return self.conv_blocks(out.view(out.shape[0], 64, 2, 2))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()

        def block(i, o, bn=True):
            b = [nn.Conv2d(i, o, 3, 2, 1), nn.LeakyReLU(0.2, inplace=True), nn.Dropout2d(0.25)]
            if bn:
                b.append(nn.BatchNorm2d(o))
            return b

        self.model = nn.Sequential(*block(1, 32, bn=False), *block(32, 64))
        self.adv_layer = nn.Linear(64 * 2 ** 2, 1)

    def forward(self, img):
        return self.adv_layer(self.model(img).flatten(1))


adversarial_loss = torch.nn.MSELoss()
generator, discriminator = Generator(), Discriminator()
generator.apply(weights_init_normal)
discriminator.apply(weights_init_normal)
imgs_all = torch.tensor(load_digits().images / 8. - 1, dtype=torch.float32)[:, None]
dataloader = torch.utils.data.DataLoader(imgs_all, batch_size=opt.batch_size, shuffle=True, drop_last=True)
optimizer_G = torch.optim.Adam(generator.parameters(), lr=opt.lr, betas=(opt.b1, opt.b2))
optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=opt.lr, betas=(opt.b1, opt.b2))
writer = DiagWriter(opt.logdir)
writer.watch(generator, optimizer_G, adversarial_loss, name="generator")
writer.watch(discriminator, optimizer_D, adversarial_loss, name="discriminator")

for epoch in range(opt.n_epochs):
    for i, imgs in enumerate(dataloader):
        valid, fake = torch.ones(len(imgs), 1), torch.zeros(len(imgs), 1)
        # ----- generator
        optimizer_G.zero_grad()
        z = torch.randn(len(imgs), opt.latent_dim)
        gen_imgs = generator(z)
        g_loss = adversarial_loss(discriminator(gen_imgs), valid)
        g_loss.backward()
        optimizer_G.step()
        # ----- discriminator
        optimizer_D.zero_grad()
        real_loss = adversarial_loss(discriminator(imgs), valid)
        fake_loss = adversarial_loss(discriminator(gen_imgs.detach()), fake)
        d_loss = 0.5 * (real_loss + fake_loss)
        d_loss.backward()
        optimizer_D.step()
    if epoch % 8 == 7:
        print("[Epoch %d/%d] [D loss: %f] [G loss: %f]" % (epoch, opt.n_epochs, d_loss.item(), g_loss.item()))
writer.close()
generator.eval()
with torch.no_grad():
    s = generator(torch.randn(1000, opt.latent_dim)).flatten(1)
x = imgs_all.flatten(1)
nn_d = torch.cdist(s, x).min(1).values.mean()
nn_r = (torch.cdist(x[:800], x[800:])).min(1).values.mean()
print(f"RESULT D {d_loss:.3f} G {g_loss:.3f} | distance to nearest real: samples {nn_d:.2f}, real {nn_r:.2f} | std samples {s.std(0).mean():.3f} real {x.std(0).mean():.3f}")
