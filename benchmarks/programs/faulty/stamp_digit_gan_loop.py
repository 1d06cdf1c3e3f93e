"""Small MLP GAN on the 8x8 digits, after the usual PyTorch-GAN repository layout."""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
form, logdir = sys.argv[1], sys.argv[2]

latent_dim, batch_size, n_epochs = 32, 64, 120

digits = load_digits()
imgs = torch.tensor(digits.data / 8.0 - 1.0, dtype=torch.float32)
real_train, real_held = imgs[:1400], imgs[1400:]
loader = DataLoader(TensorDataset(real_train), batch_size=batch_size, shuffle=True, drop_last=True)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(latent_dim, 128), nn.LeakyReLU(0.2),
            nn.Linear(128, 256), nn.BatchNorm1d(256), nn.LeakyReLU(0.2),
            nn.Linear(256, 64), nn.Tanh())

    def forward(self, z):
        return self.model(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(64, 128), nn.LeakyReLU(0.2), nn.Dropout(0.2),
            nn.Linear(128, 64), nn.LeakyReLU(0.2), nn.Dropout(0.2),
            nn.Linear(64, 1))

    def forward(self, x):
        return self.model(x)


G, D = Generator(), Discriminator()
adversarial = nn.BCEWithLogitsLoss()
adversarial_g = nn.BCEWithLogitsLoss()
opt_G = torch.optim.Adam(G.parameters(), lr=5e-4, betas=(0.5, 0.999))
opt_D = torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))

writer = DiagWriter(logdir)
writer.watch(G, opt_G, adversarial_g, name="generator")
writer.watch(D, opt_D, adversarial, name="discriminator")

step = 0
for epoch in range(n_epochs):
    for (real,) in loader:
        valid = torch.ones(len(real), 1)
        fake_label = torch.zeros(len(real), 1)

        z = torch.randn(len(real), latent_dim)
        if form == "faulty":
            gen = G(z).detach()
        else:
            gen = G(z)

        # discriminator
        opt_D.zero_grad()
        d_loss = adversarial(D(real), valid * 0.9) + adversarial(D(gen.detach()), fake_label)
        d_loss.backward()
        opt_D.step()

        # generator
        opt_G.zero_grad()
        g_loss = adversarial_g(D(gen), valid)
        g_loss.backward()
        opt_G.step()

        if step % 20 == 0:
            writer.add_scalar("Loss/D", d_loss.item(), step)
            writer.add_scalar("Loss/G", g_loss.item(), step)
        step += 1
    if epoch % 20 == 0:
        print(f"[{epoch}/{n_epochs}] D {d_loss.item():.3f} G {g_loss.item():.3f}")
writer.close()


def mmd(a, b):
    def k(x, y):
        d = torch.cdist(x, y) ** 2
        return sum(torch.exp(-d / s) for s in (8.0, 16.0, 32.0)).mean()
    return (k(a, a) + k(b, b) - 2 * k(a, b)).item()


G.eval()
with torch.no_grad():
    samples = G(torch.randn(800, latent_dim))
clf = LogisticRegression(max_iter=2000).fit(real_train.numpy(), digits.target[:1400])
prob = clf.predict_proba(samples.numpy())
kl = (prob * (np.log(prob + 1e-9) - np.log(prob.mean(0) + 1e-9))).sum(1).mean()
print(f"RESULT mmd {mmd(samples, real_held):.4f} digit_score {np.exp(kl):.3f}")
