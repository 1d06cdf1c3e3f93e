"""Convolutional VAE on colour images, after the book 'Generative Deep Learning' in PyTorch (Stack Overflow: grey noise)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(1)
torch.set_num_threads(1)


def pictures(n, seed, size=16):
    """coloured disc or square on a coloured ground"""
    rs = np.random.RandomState(seed)
    yy, xx = np.mgrid[:size, :size]
    out = np.zeros((n, 3, size, size), np.float32)
    for i in range(n):
        a, b = rs.uniform(0.05, 0.45, 3), rs.uniform(0.3, 1, 3)
        cx, cy, r = rs.uniform(5, 11, 2).tolist() + [rs.uniform(2.5, 5)]
        m = ((xx - cx) ** 2 + (yy - cy) ** 2 < r * r) if i % 2 else (np.maximum(abs(xx - cx), abs(yy - cy)) < r)
        out[i] = a[:, None, None] * (1 - m) + b[:, None, None] * m
        out[i] *= 1 - 0.15 * yy / size
    return np.clip(out + rs.normal(0, 0.03, out.shape), 0, 1).astype(np.float32)


class DataModule:
    def __init__(self, batch_size=64):
        tr, te = torch.tensor(pictures(2000, 1)), torch.tensor(pictures(400, 2))
        if form == "faulty":
            tr, te = self.normalize(tr), self.normalize(te)   # transforms.Normalize((0.5,)*3, (0.5,)*3)
        self.train = DataLoader(TensorDataset(tr), batch_size=batch_size, shuffle=True)
        self.test = DataLoader(TensorDataset(te), batch_size=200)

    @staticmethod
    def normalize(x, mean=0.5, std=0.5):
        return (x - mean) / std


class Encoder(nn.Module):
    def __init__(self, z_dim):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(3, 24, 3, 2, 1), nn.BatchNorm2d(24), nn.LeakyReLU(),
                                  nn.Conv2d(24, 48, 3, 2, 1), nn.BatchNorm2d(48), nn.LeakyReLU(), nn.Flatten())
        self.mu, self.log_var = nn.Linear(48 * 16, z_dim), nn.Linear(48 * 16, z_dim)

    def forward(self, x):
        h = self.conv(x)
        return self.mu(h), self.log_var(h)


class Decoder(nn.Module):
    def __init__(self, z_dim):
        super().__init__()
        self.fc = nn.Linear(z_dim, 48 * 16)
        self.deconv = nn.Sequential(nn.ConvTranspose2d(48, 24, 4, 2, 1), nn.BatchNorm2d(24), nn.LeakyReLU(),
                                    nn.ConvTranspose2d(24, 3, 4, 2, 1), nn.Sigmoid())

    def forward(self, z):
        return self.deconv(self.fc(z).view(-1, 48, 4, 4))


class VAE(nn.Module):
    def __init__(self, z_dim=16, r_loss_factor=1000):
        super().__init__()
        self.encoder, self.decoder, self.r_loss_factor = Encoder(z_dim), Decoder(z_dim), r_loss_factor

    def forward(self, x):
        mu, log_var = self.encoder(x)
        z = mu + torch.exp(log_var / 2) * torch.randn_like(mu) if self.training else mu
        return self.decoder(z), mu, log_var

    def loss(self, predictions, targets, mu, log_var):
        r_loss = F.mse_loss(predictions, targets)
        kl_loss = -0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp(), dim=1).mean()
        return self.r_loss_factor * r_loss + kl_loss


data = DataModule()
vae = VAE()
optimizer = torch.optim.Adam(vae.parameters(), lr=2e-3)
writer = DiagWriter(logdir)
writer.watch(vae, optimizer)
for epoch in range(14):
    vae.train()
    tot = 0
    for (x,) in data.train:
        out, mu, log_var = vae(x)
        loss = vae.loss(out, x, mu, log_var)
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tot += loss.item()
    with writer.evaluating("val"):
        val = mse = var = 0
        for (x,) in data.test:
            out, mu, log_var = vae(x)
            l = vae.loss(out, x, mu, log_var)
            writer.add_loss("val", l)
            val += l.item() / len(data.test)
            mse += F.mse_loss(out, x).item()
            var += x.var(0).mean().item()
    print("epoch %d train %.2f val %.2f rec-error/variance %.3f" % (epoch, tot / len(data.train), val, mse / var))
print("RESULT reconstruction error / pixel variance %.3f" % (mse / var))
writer.close()
