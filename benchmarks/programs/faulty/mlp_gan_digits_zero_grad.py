"""MLP GAN on handwritten digits, after Adversarial-Deep-Learning/code-soup (ch5 GAN)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(11)


class Generator(nn.Module):
    def __init__(self, image_size, channels, latent_dims, lr):
        super().__init__()
        self.image_size, self.channels, self.latent_dims = image_size, channels, latent_dims
        self.main = nn.Sequential(
            nn.Linear(latent_dims, 64), nn.LeakyReLU(0.2),
            nn.Linear(64, 128), nn.LeakyReLU(0.2),
            nn.Linear(128, image_size * image_size * channels), nn.Tanh())
        self.optimizer = optim.Adam(self.parameters(), lr=lr, betas=(0.5, 0.999))

    def forward(self, x):
        return self.main(x).view(-1, self.channels, self.image_size, self.image_size)


class Discriminator(nn.Module):
    def __init__(self, image_size, channels, lr):
        super().__init__()
        self.main = nn.Sequential(
            nn.Linear(image_size * image_size * channels, 128), nn.LeakyReLU(0.2), nn.Dropout(0.3),
            nn.Linear(128, 64), nn.LeakyReLU(0.2), nn.Dropout(0.3),
            nn.Linear(64, 1), nn.Sigmoid())
        self.optimizer = optim.Adam(self.parameters(), lr=lr, betas=(0.5, 0.999))

    def forward(self, x):
        return self.main(x.flatten(1))


class GAN:
    def __init__(self, image_size, channels, latent_dims, lr):
        self.latent_dims = latent_dims
        self.generator = Generator(image_size, channels, latent_dims, lr)
        self.discriminator = Discriminator(image_size, channels, lr)
        self.criterion = nn.BCELoss()
        self.real_label, self.fake_label = 1.0, 0.0
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.discriminator, self.discriminator.optimizer, name="discriminator")
        self.writer.watch(self.generator, self.generator.optimizer, name="generator")

    def step(self, real_image):
        batch_size = real_image.shape[0]
        label = torch.full((batch_size,), self.real_label)
        if form == "fixed":
            self.discriminator.zero_grad()
        output = self.discriminator(real_image).view(-1)
        errD_real = self.criterion(output, label)
        errD_real.backward()
        D_x = output.mean().item()
        noise = torch.randn(batch_size, self.latent_dims)
        fake = self.generator(noise)
        label.fill_(self.fake_label)
        output = self.discriminator(fake.detach()).view(-1)
        errD_fake = self.criterion(output, label)
        errD_fake.backward()
        errD = errD_real + errD_fake
        self.writer.add_loss("discriminator", errD)
        self.discriminator.optimizer.step()

        self.generator.zero_grad()
        label = torch.full((batch_size,), self.real_label)
        output = self.discriminator(fake).view(-1)
        errG = self.criterion(output, label)
        self.writer.add_loss("generator", errG)
        errG.backward()
        self.generator.optimizer.step()
        return D_x, errD.item(), errG.item(), output.mean().item()


digits = torch.tensor(load_digits().images / 8.0 - 1.0, dtype=torch.float32)[:, None]
mu = digits.flatten(1).mean(0)
V = torch.linalg.svd(digits.flatten(1) - mu, full_matrices=False)[2][:20]


def frechet(gan):
    """Frechet distance of 20 principal components, real digits against samples"""
    with torch.no_grad():
        f = (gan.generator(torch.randn(1797, gan.latent_dims)).flatten(1) - mu) @ V.T
    r = (digits.flatten(1) - mu) @ V.T
    A, B = np.cov(r.numpy().T), np.cov(f.numpy().T)
    tr = np.sqrt(np.maximum(np.linalg.eigvals(A @ B).real, 0)).sum()
    return float(((r.mean(0) - f.mean(0)) ** 2).sum() + np.trace(A) + np.trace(B) - 2 * tr)


gan = GAN(image_size=8, channels=1, latent_dims=16, lr=1e-3)
loader = DataLoader(TensorDataset(digits), batch_size=64, shuffle=True, drop_last=True)
for epoch in range(40):
    for (real,) in loader:
        D_x, errD, errG, D_G = gan.step(real)
    if epoch % 5 == 4:
        print("epoch %d errD %.3f errG %.3f D(x) %.3f D(G(z)) %.3f frechet %.2f" % (epoch + 1, errD, errG, D_x, D_G, frechet(gan)))
print("RESULT frechet distance %.3f" % frechet(gan))
gan.writer.close()
