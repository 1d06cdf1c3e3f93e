"""WGAN-GP on eight Gaussians (as in caogang/wgan-gp gan_toy.py): five critic steps per generator step, Adam(1e-4, 0.5, 0.9)."""
import sys
import math
import torch
from torch import nn, autograd, optim
from tb_lossdiag import DiagWriter

torch.manual_seed(1)
torch.set_num_threads(1)
DIM, LAMBDA, CRITIC_ITERS, BATCH_SIZE, ITERS = 64, 0.1, 5, 128, 1000


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Linear(2, DIM), nn.ReLU(True), nn.Linear(DIM, DIM), nn.ReLU(True), nn.Linear(DIM, DIM), nn.ReLU(True), nn.Linear(DIM, 2))

    def forward(self, noise):
        return self.main(noise)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Linear(2, DIM), nn.ReLU(True), nn.Linear(DIM, DIM), nn.ReLU(True), nn.Linear(DIM, DIM), nn.ReLU(True), nn.Linear(DIM, 1))

    def forward(self, inputs):
        return self.main(inputs).view(-1)


def weights_init(m):
    if isinstance(m, nn.Linear):
        nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
        m.bias.data.zero_()


angles = torch.arange(8) * 2 * math.pi / 8
centers = torch.stack([angles.cos(), angles.sin()], 1) * 2 / 1.414


def sample_real(n):
    return centers[torch.randint(8, (n,))] + 0.02 * 2 * torch.randn(n, 2) / 1.414


def calc_gradient_penalty(netD, real, fake):
    alpha = torch.rand(real.size(0), 1).expand(real.size())
    inter = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
    out = netD(inter)
    g = autograd.grad(out, inter, grad_outputs=torch.ones_like(out), create_graph=True, retain_graph=True, only_inputs=True)[0]
    return ((g.norm(2, dim=1) - 1) ** 2).mean() * LAMBDA


netG, netD = Generator(), Discriminator()
netG.apply(weights_init)
netD.apply(weights_init)
optimizerD = optim.Adam(netD.parameters(), lr=5e-4, betas=(0.5, 0.9))
optimizerG = optim.Adam(netG.parameters(), lr=5e-4, betas=(0.5, 0.9))
writer = DiagWriter(sys.argv[1])
writer.watch(netD, optimizerD, name="critic")
writer.watch(netG, optimizerG, name="generator")


def energy_distance(a, b):
    return (2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()).item()


start = energy_distance(netG(torch.randn(1000, 2)).detach(), sample_real(1000))
for iteration in range(ITERS):
    for p in netD.parameters():
        p.requires_grad = True
    for _ in range(CRITIC_ITERS):
        real = sample_real(BATCH_SIZE)
        netD.zero_grad()
        with torch.no_grad():
            fake = netG(torch.randn(BATCH_SIZE, 2))
        D_real, D_fake = netD(real).mean(), netD(fake).mean()
        gp = calc_gradient_penalty(netD, real, fake)
        D_cost = D_fake - D_real + gp
        writer.add_loss("train", D_cost, name="critic")
        D_cost.backward()
        optimizerD.step()
    for p in netD.parameters():
        p.requires_grad = False
    netG.zero_grad()
    G_cost = -netD(netG(torch.randn(BATCH_SIZE, 2))).mean()
    writer.add_loss("train", G_cost, name="generator")
    G_cost.backward()
    optimizerG.step()
    writer.add_scalar("wasserstein", (D_real - D_fake).item(), iteration)
end = energy_distance(netG(torch.randn(1000, 2)).detach(), sample_real(1000))
print(f"RESULT energy distance {start:.4f} -> {end:.4f}, wasserstein estimate {(D_real - D_fake).item():.3f}")
writer.close()
