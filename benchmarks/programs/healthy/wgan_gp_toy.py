# WGAN-GP on eight gaussians (after caogang/wgan-gp, gan_toy.py): five critic steps for each generator step, no BatchNorm,
# the critic's cost is negative and stays about level: that is what it should do
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.autograd as autograd
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.manual_seed(1)
DIM, LAMBDA, CRITIC_ITERS, BATCH_SIZE, ITERS = 64, .1, 5, 64, 900


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Linear(2, DIM), nn.ReLU(True), nn.Linear(DIM, DIM), nn.ReLU(True),
                                  nn.Linear(DIM, DIM), nn.ReLU(True), nn.Linear(DIM, 2))

    def forward(self, noise):
        return self.main(noise)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Linear(2, DIM), nn.ReLU(True), nn.Linear(DIM, DIM), nn.ReLU(True),
                                  nn.Linear(DIM, DIM), nn.ReLU(True), nn.Linear(DIM, 1))

    def forward(self, inputs):
        return self.main(inputs).view(-1)


centers = torch.tensor([(np.cos(a), np.sin(a)) for a in np.arange(8) * np.pi / 4], dtype=torch.float32) * 1.4142


def inf_train_gen():
    while True:
        yield centers[torch.randint(0, 8, (BATCH_SIZE,))] + .03 * torch.randn(BATCH_SIZE, 2)


def calc_gradient_penalty(netD, real_data, fake_data):
    alpha = torch.rand(BATCH_SIZE, 1)
    interpolates = (alpha * real_data + (1 - alpha) * fake_data).requires_grad_(True)
    gradients = autograd.grad(netD(interpolates).sum(), interpolates, create_graph=True)[0]
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean() * LAMBDA


netG, netD = Generator(), Discriminator()
optimizerD = optim.Adam(netD.parameters(), lr=1e-3, betas=(0.5, 0.9))
optimizerG = optim.Adam(netG.parameters(), lr=1e-3, betas=(0.5, 0.9))
writer = DiagWriter(sys.argv[1])
writer.watch(netG, optimizerG, name="generator")
writer.watch(netD, optimizerD, name="critic")
data = inf_train_gen()
for iteration in range(ITERS):
    # (1) Update D network
    for p in netD.parameters():  # reset requires_grad
        p.requires_grad = True
    for _ in range(CRITIC_ITERS):
        real = next(data)
        with torch.no_grad():
            fake = netG(torch.randn(BATCH_SIZE, 2))
        netD.zero_grad()
        gradient_penalty = calc_gradient_penalty(netD, real, fake)
        wasserstein = netD(real).mean() - netD(fake).mean()
        D_cost = -wasserstein + gradient_penalty
        writer.add_loss("train", D_cost, name="critic")
        D_cost.backward()
        optimizerD.step()
    # (2) Update G network
    for p in netD.parameters():
        p.requires_grad = False  # to avoid computation
    netG.zero_grad()
    G_cost = -netD(netG(torch.randn(BATCH_SIZE, 2))).mean()
    writer.add_loss("train", G_cost, name="generator")
    G_cost.backward()
    optimizerG.step()
    if (iteration + 1) % 150 == 0:
        with torch.no_grad():
            s = netG(torch.randn(2000, 2))
        d, which = torch.cdist(s, centers).min(1)
        share = torch.bincount(which, minlength=8) / 2000
        print(iteration + 1, 'D cost %.4f W %.4f | mean distance to a mode %.3f, least share of a mode %.3f' %
              (D_cost.item(), wasserstein.item(), d.mean(), share.min()))
