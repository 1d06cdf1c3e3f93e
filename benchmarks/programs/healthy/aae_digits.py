"""Adversarial autoencoder, eriklindernoren/PyTorch-GAN implementations/aae/aae.py, for 8x8 digits"""
import sys
import itertools
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
n_epochs, batch_size, lr, b1, b2, latent_dim = 50, 64, 0.001, 0.5, 0.999, 6


def reparameterization(mu, logvar):
    return mu + torch.randn_like(mu) * torch.exp(logvar / 2)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(nn.Linear(64, 128), nn.LeakyReLU(0.2, inplace=True), nn.Linear(128, 128), nn.BatchNorm1d(128),
                                   nn.LeakyReLU(0.2, inplace=True))
        self.mu = nn.Linear(128, latent_dim)
        self.logvar = nn.Linear(128, latent_dim)

    def forward(self, img):
        x = self.model(img)
        return reparameterization(self.mu(x), self.logvar(x))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(nn.Linear(latent_dim, 128), nn.LeakyReLU(0.2, inplace=True), nn.Linear(128, 128), nn.BatchNorm1d(128),
                                   nn.LeakyReLU(0.2, inplace=True), nn.Linear(128, 64), nn.Tanh())

    def forward(self, z):
        return self.model(z)


class AAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()

    def forward(self, x):
        z = self.encoder(x)
        return z, self.decoder(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(nn.Linear(latent_dim, 64), nn.LeakyReLU(0.2, inplace=True), nn.Linear(64, 32), nn.LeakyReLU(0.2, inplace=True),
                                   nn.Linear(32, 1), nn.Sigmoid())

    def forward(self, z):
        return self.model(z)


adversarial_loss = nn.BCELoss()
pixelwise_loss = nn.L1Loss()
ae, discriminator = AAE(), Discriminator()

imgs_all = torch.tensor(load_digits().data / 8.0 - 1.0, dtype=torch.float32)
imgs_all = imgs_all[torch.randperm(len(imgs_all))]
train, test = imgs_all[:1536], imgs_all[1536:]

optimizer_G = torch.optim.Adam(ae.parameters(), lr=lr, betas=(b1, b2))
optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=lr, betas=(b1, b2))
writer = DiagWriter(sys.argv[1])
writer.watch(ae, optimizer_G, name="generator")
writer.watch(discriminator, optimizer_D, adversarial_loss, name="discriminator")

for epoch in range(n_epochs):
    ae.train()
    gl, dl, pl = [], [], []
    for imgs in train[torch.randperm(len(train))].split(batch_size):
        valid = torch.ones(imgs.shape[0], 1)
        fake = torch.zeros(imgs.shape[0], 1)
        # -- Train generator
        optimizer_G.zero_grad()
        encoded_imgs, decoded_imgs = ae(imgs)
        pix = pixelwise_loss(decoded_imgs, imgs)
        g_loss = 0.02 * adversarial_loss(discriminator(encoded_imgs), valid) + 0.98 * pix
        writer.add_loss("g_loss", g_loss)
        g_loss.backward()
        optimizer_G.step()
        # -- Train discriminator
        optimizer_D.zero_grad()
        z = torch.randn(imgs.shape[0], latent_dim)
        real_loss = adversarial_loss(discriminator(z), valid)
        fake_loss = adversarial_loss(discriminator(encoded_imgs.detach()), fake)
        d_loss = 0.5 * (real_loss + fake_loss)
        d_loss.backward()
        optimizer_D.step()
        gl.append(g_loss.item()); dl.append(d_loss.item()); pl.append(pix.item())
    if epoch % 10 == 9:
        print("[Epoch %d/%d] [D loss: %f] [G loss: %f] [pixel: %f]" % (epoch + 1, n_epochs, np.mean(dl), np.mean(gl), np.mean(pl)))
writer.close()
ae.eval()
with torch.no_grad():
    z, rec = ae(test)
    test_pix = pixelwise_loss(rec, test).item()
    mean_pix = (test - train.mean(0)).abs().mean().item()
print(f"RESULT D {np.mean(dl):.4f} G {np.mean(gl):.4f} pixel {np.mean(pl):.4f} test pixel {test_pix:.4f} (mean image {mean_pix:.4f}) code mean {z.mean(0).abs().mean():.3f} std {z.std(0).mean():.3f}")
