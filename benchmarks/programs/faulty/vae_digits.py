'''This script demonstrates how to build a variational autoencoder.

Reference: "Auto-Encoding Variational Bayes" https://arxiv.org/abs/1312.6114
'''
import sys
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn, optim
from torch.utils.data import DataLoader

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]

torch.manual_seed(1)
batch_size = 64
original_dim = 64
latent_dim = 6
intermediate_dim = 128
nb_epoch = 40

x = torch.tensor(load_digits().data, dtype=torch.float32) / 16.0
perm = torch.randperm(len(x))
x_train, x_test = x[perm[:1500]], x[perm[1500:]]


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.h = nn.Linear(original_dim, intermediate_dim)
        self.z_mean = nn.Linear(intermediate_dim, latent_dim)
        self.z_log_var = nn.Linear(intermediate_dim, latent_dim)
        # we instantiate these layers separately so as to reuse them later
        self.decoder_h = nn.Linear(latent_dim, intermediate_dim)
        self.decoder_mean = nn.Linear(intermediate_dim, original_dim)

    def encode(self, x):
        h = F.relu(self.h(x))
        return self.z_mean(h), self.z_log_var(h)

    def decode(self, z):
        return torch.sigmoid(self.decoder_mean(F.relu(self.decoder_h(z))))

    def forward(self, x):
        z_mean, z_log_var = self.encode(x)
        epsilon = torch.randn_like(z_mean)
        z = z_mean + torch.exp(z_log_var / 2) * epsilon
        return self.decode(z), z_mean, z_log_var


def vae_loss(x, x_decoded_mean, z_mean, z_log_var):
    xent_loss = F.binary_cross_entropy(x_decoded_mean, x, reduction='none').mean(-1)
    if form == 'fixed':
        xent_loss = original_dim * xent_loss
    kl_loss = - 0.5 * torch.sum(1 + z_log_var - z_mean ** 2 - torch.exp(z_log_var), dim=-1)
    return (xent_loss + kl_loss).mean()


vae = VAE()
optimizer = optim.RMSprop(vae.parameters(), lr=1e-3)
loader = DataLoader(x_train, batch_size=batch_size, shuffle=True)
writer = DiagWriter(logdir)
writer.watch(vae, optimizer)

for epoch in range(1, nb_epoch + 1):
    vae.train()
    train_loss = 0
    for batch in loader:
        optimizer.zero_grad()
        loss = vae_loss(batch, *vae(batch))
        writer.add_loss('train', loss)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * len(batch)
    vae.eval()
    with torch.no_grad():
        recon, mu, log_var = vae(x_test)
        test_loss = vae_loss(x_test, recon, mu, log_var).item()
        mse = F.mse_loss(vae.decode(mu), x_test).item()
        used = (mu.var(0) > 0.05).sum().item()
    if epoch % 8 == 0:
        print(f'====> Epoch: {epoch} loss: {train_loss / len(x_train):.4f} test loss: {test_loss:.4f} '
              f'reconstruction mse: {mse:.4f} (variance of the data {x_test.var(0).mean():.4f}) latents in use: {used}')
writer.close()
