# WGAN-GP on the 8 gaussians ring
import sys
import math
import torch
import torch.nn as nn
import torch.autograd as autograd
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.manual_seed(1)
torch.set_num_threads(1)
DIM, LAMBDA, CRITIC_ITERS, BATCH_SIZE, ITERS = 64, .1, 5, 256, 700


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

    def forward(self, x):
        return self.main(x).view(-1)


centers = torch.tensor([[math.cos(k * math.pi / 4), math.sin(k * math.pi / 4)] for k in range(8)]) * 2


def inf_train_gen():
    while True:
        c = centers[torch.randint(8, (BATCH_SIZE,))]
        yield (c + torch.randn(BATCH_SIZE, 2) * .1) / 1.414


def calc_gradient_penalty(netD, real, fake):
    a = torch.rand(BATCH_SIZE, 1)
    x = (a * real + (1 - a) * fake).requires_grad_(True)
    g = autograd.grad(netD(x).sum(), x, create_graph=True)[0]
    return ((g.norm(2, dim=1) - 1) ** 2).mean() * LAMBDA


netG, netD = Generator(), Discriminator()
optimizerD = optim.Adam(netD.parameters(), lr=1e-3, betas=(0.5, 0.9))
optimizerG = optim.Adam(netG.parameters(), lr=1e-3, betas=(0.5, 0.9))
writer = DiagWriter(sys.argv[1])
writer.watch(netG, optimizerG, name="generator")
writer.watch(netD, optimizerD, name="critic")
data = inf_train_gen()

for iteration in range(ITERS):
    for p in netD.parameters():
        p.requires_grad = True
    for _ in range(CRITIC_ITERS):
        real = next(data)
        fake = netG(torch.randn(BATCH_SIZE, 2)).detach()
        optimizerD.zero_grad()
        wd = netD(real).mean() - netD(fake).mean()
        D_cost = -wd + calc_gradient_penalty(netD, real, fake)
        writer.add_loss("critic", D_cost)
        D_cost.backward()
        optimizerD.step()
    for p in netD.parameters():
        p.requires_grad = False
    optimizerG.zero_grad()
    G_cost = -netD(netG(torch.randn(BATCH_SIZE, 2))).mean()
    writer.add_loss("generator", G_cost)
    G_cost.backward()
    optimizerG.step()
    if iteration % 100 == 99:
        with torch.no_grad():
            s = netG(torch.randn(2000, 2)) * 1.414
            d, k = torch.cdist(s, centers).min(1)
        print("iter %d  W %.4f  D %.4f  G %.4f  modes %d  near a mode %.3f" % (
            iteration + 1, wd.item(), D_cost.item(), G_cost.item(),
            (torch.bincount(k[d < .4], minlength=8) > 50).sum(), (d < .4).float().mean()))
writer.close()
