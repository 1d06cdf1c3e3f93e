# GAN on 8x8 digits, fully connected, non saturating loss. Scores: Frechet distance in PCA space against held out digits
import sys
import numpy as np
import torch
import torch.nn as nn
from scipy import linalg
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from tb_lossdiag import DiagWriter

form, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
np.random.seed(0)
torch.manual_seed(0)

latent_dim = 16
batch_size = 64
iterations = 2200

images = load_digits().images.astype("float32")
np.random.shuffle(images)
images = (images - 8.0) / 8.0                 # [-1, 1]
x_train = torch.tensor(images[:1400]).view(-1, 64)
x_test = images[1400:].reshape(-1, 64)
pca = PCA(20).fit(x_train.numpy())
real_f = pca.transform(x_test)


def frechet(a, b):
    ca, cb = np.cov(a.T), np.cov(b.T)
    s = linalg.sqrtm(ca @ cb).real
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca + cb - 2 * s))


generator = nn.Sequential(
    nn.Linear(latent_dim, 128), nn.BatchNorm1d(128), nn.LeakyReLU(0.2),
    nn.Linear(128, 128), nn.BatchNorm1d(128), nn.LeakyReLU(0.2),
    nn.Linear(128, 64), nn.Sigmoid() if form == "faulty" else nn.Tanh(),
)
discriminator = nn.Sequential(
    nn.Linear(64, 128), nn.LeakyReLU(0.2), nn.Dropout(0.3),
    nn.Linear(128, 64), nn.LeakyReLU(0.2), nn.Dropout(0.3),
    nn.Linear(64, 1),
)
bce = nn.BCEWithLogitsLoss()
g_opt = torch.optim.Adam(generator.parameters(), lr=4e-4, betas=(0.5, 0.999))
d_opt = torch.optim.Adam(discriminator.parameters(), lr=4e-4, betas=(0.5, 0.999))

writer = DiagWriter(LOGDIR)
writer.watch(generator, g_opt, bce)

d_run = g_run = 0.0
for step in range(1, iterations + 1):
    real = x_train[torch.randint(0, len(x_train), (batch_size,))]
    z = torch.randn(batch_size, latent_dim)

    fake = generator(z)
    d_loss = bce(discriminator(real), torch.full((batch_size, 1), 0.9)) + bce(discriminator(fake.detach()), torch.zeros(batch_size, 1))
    d_opt.zero_grad()
    d_loss.backward()
    d_opt.step()

    g_loss = bce(discriminator(fake), torch.ones(batch_size, 1))
    g_opt.zero_grad()
    g_loss.backward()
    g_opt.step()

    d_run += d_loss.item()
    g_run += g_loss.item()
    if step % 220 == 0:
        generator.eval()
        with torch.no_grad():
            sample = generator(torch.randn(397, latent_dim)).numpy()
        generator.train()
        print("step %4d  discriminator loss: %.4f  adversarial loss: %.4f  pixel mean %.3f (data %.3f)  frechet %.3f" % (
            step, d_run / 220, g_run / 220, sample.mean(), x_test.mean(), frechet(pca.transform(sample), real_f)))
        d_run = g_run = 0.0
writer.close()
