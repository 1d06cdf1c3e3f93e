import sys, math
import torch
from torch import nn, autograd
from tb_lossdiag import DiagWriter

# WGAN-GP on the 8 gaussians toy, following the "improved training" code
torch.manual_seed(1)
torch.set_num_threads(1)
DIM = 96
LAMBDA = .1
CRITIC_ITERS = 5
BATCH_SIZE = 128
ITERS = 1100
LR = 2.5e-3


def G_net():
    return nn.Sequential(nn.Linear(2, DIM), nn.ReLU(True), nn.Linear(DIM, DIM), nn.ReLU(True),
                         nn.Linear(DIM, DIM), nn.ReLU(True), nn.Linear(DIM, 2))


def D_net():
    return nn.Sequential(nn.Linear(2, DIM), nn.ReLU(True), nn.Linear(DIM, DIM), nn.ReLU(True),
                         nn.Linear(DIM, DIM), nn.ReLU(True), nn.Linear(DIM, 1))


def inf_train_gen():
    ang = torch.arange(8) * (2 * math.pi / 8)
    centers = 2.0 * torch.stack([ang.cos(), ang.sin()], 1)
    while True:
        pts = torch.randn(BATCH_SIZE, 2) * .04 + centers[torch.randint(0, 8, (BATCH_SIZE,))]
        yield pts / 1.414


def gradient_penalty(D, real, fake):
    a = torch.rand(real.size(0), 1)
    x = (a * real + (1 - a) * fake).requires_grad_(True)
    g = autograd.grad(D(x).sum(), x, create_graph=True)[0]
    return ((g.norm(2, dim=1) - 1) ** 2).mean() * LAMBDA


netG, netD = G_net(), D_net()
optD = torch.optim.Adam(netD.parameters(), lr=LR, betas=(0.5, 0.9))
optG = torch.optim.Adam(netG.parameters(), lr=LR, betas=(0.5, 0.9))
decay = lambda it: max(0.0, 1 - it / ITERS)
schD = torch.optim.lr_scheduler.LambdaLR(optD, lambda s: decay(s))
schG = torch.optim.lr_scheduler.LambdaLR(optG, lambda s: decay(s))

w = DiagWriter(sys.argv[1])
w.watch(netD, optD, name="critic")
w.watch(netG, optG, name="generator")

data = inf_train_gen()
for it in range(ITERS):
    for p in netD.parameters():
        p.requires_grad_(True)
    for _ in range(CRITIC_ITERS):
        real = next(data)
        optD.zero_grad()
        with torch.no_grad():
            fake = netG(torch.randn(BATCH_SIZE, 2))
        wd = netD(real).mean() - netD(fake).mean()
        lossD = -wd + gradient_penalty(netD, real, fake)
        lossD.backward()
        w.add_loss("train", lossD.item(), name="critic")
        optD.step()
    for p in netD.parameters():
        p.requires_grad_(False)
    optG.zero_grad()
    lossG = -netD(netG(torch.randn(BATCH_SIZE, 2))).mean()
    lossG.backward()
    w.add_loss("train", lossG.item(), name="generator")
    optG.step()
    schD.step(); schG.step()
    w.add_scalar("wasserstein", wd.item(), it)
    if it % 200 == 0:
        print(it, "W %.4f  D %.4f  G %.4f" % (wd.item(), lossD.item(), lossG.item()))

with torch.no_grad():
    s = netG(torch.randn(4000, 2)) * 1.414
ang = torch.arange(8) * (2 * math.pi / 8)
c = 2.0 * torch.stack([ang.cos(), ang.sin()], 1)
d, idx = torch.cdist(s, c).min(1)
print("W %.4f" % wd.item(), "modes", [round((idx == k).float().mean().item(), 2) for k in range(8)], "near %.3f" % (d < .2).float().mean().item())
w.close()
