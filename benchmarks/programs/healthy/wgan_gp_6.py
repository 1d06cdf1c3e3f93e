"""Wasserstein GAN with gradient penalty: a critic without a final activation, five critic steps per
generator step, Adam with beta1 0.5, the losses are differences of scores (no floor, signs change).
Port of eriklindernoren/PyTorch-GAN implementations/wgan_gp/wgan_gp.py; scikit-learn's digits at 8x8."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.autograd as autograd
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)


class opt:
    n_epochs, batch_size, lr, b1, b2, latent_dim, img_size, n_critic = 140, 64, 0.001, 0.5, 0.999, 32, 8, 5


class Generator(nn.Module):
    def __init__(self):
        super().__init__()

        def block(i, o, normalize=True):
            layers = [nn.Linear(i, o)]
            if normalize:
                layers.append(nn.BatchNorm1d(o, 0.8))
            return layers + [nn.LeakyReLU(0.2, inplace=True)]
        self.model = nn.Sequential(*block(opt.latent_dim, 64, normalize=False), *block(64, 128), *block(128, 256),
                                   nn.Linear(256, opt.img_size ** 2), nn.Tanh())

    def forward(self, z):
        return self.model(z).view(-1, 1, opt.img_size, opt.img_size)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(nn.Linear(opt.img_size ** 2, 256), nn.LeakyReLU(0.2, inplace=True),
                                   nn.Linear(256, 128), nn.LeakyReLU(0.2, inplace=True), nn.Linear(128, 1))

    def forward(self, img):
        return self.model(img.view(img.shape[0], -1))


lambda_gp = 10
generator, discriminator = Generator(), Discriminator()
d = load_digits()
data = torch.tensor(d.images, dtype=torch.float32)[:, None] / 8 - 1
dataloader = torch.utils.data.DataLoader(data, batch_size=opt.batch_size, shuffle=True, drop_last=True)
optimizer_G = torch.optim.Adam(generator.parameters(), lr=opt.lr, betas=(opt.b1, opt.b2))
optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=opt.lr, betas=(opt.b1, opt.b2))
writer = DiagWriter(sys.argv[1])
writer.watch(generator, optimizer_G, name="generator")
writer.watch(discriminator, optimizer_D, name="critic")


def compute_gradient_penalty(D, real, fake):
    alpha = torch.rand(real.size(0), 1, 1, 1)
    inter = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
    out = D(inter)
    grad = autograd.grad(outputs=out, inputs=inter, grad_outputs=torch.ones_like(out), create_graph=True,
                         retain_graph=True, only_inputs=True)[0]
    return ((grad.view(grad.size(0), -1).norm(2, dim=1) - 1) ** 2).mean()


judge = LogisticRegression(max_iter=2000).fit(d.data / 8 - 1, d.target)
batches_done = 0
for epoch in range(opt.n_epochs):
    for i, real_imgs in enumerate(dataloader):
        optimizer_D.zero_grad()
        z = torch.randn(real_imgs.shape[0], opt.latent_dim)
        fake_imgs = generator(z)
        gp = compute_gradient_penalty(discriminator, real_imgs, fake_imgs.detach())
        d_loss = -torch.mean(discriminator(real_imgs)) + torch.mean(discriminator(fake_imgs)) + lambda_gp * gp
        d_loss.backward()
        optimizer_D.step()
        writer.add_loss("train", d_loss)
        optimizer_G.zero_grad()
        if i % opt.n_critic == 0:
            fake_imgs = generator(z)
            g_loss = -torch.mean(discriminator(fake_imgs))
            g_loss.backward()
            optimizer_G.step()
    if epoch % 20 == 19:
        with torch.no_grad():
            generator.eval()
            s = generator(torch.randn(1000, opt.latent_dim)).view(1000, -1)
            generator.train()
        near = torch.cdist(s, data.view(len(data), -1)).min(1).values.mean()
        pr = judge.predict_proba(s.numpy())
        print("[Epoch %d/%d] [D loss: %f] [G loss: %f] nearest real %.3f, sure of digit %.3f, classes %s, std ratio %.3f" % (
            epoch, opt.n_epochs, d_loss.item(), g_loss.item(), near, pr.max(1).mean(), np.bincount(pr.argmax(1), minlength=10),
            s.std(0).mean() / data.view(len(data), -1).std(0).mean()))
writer.close()
