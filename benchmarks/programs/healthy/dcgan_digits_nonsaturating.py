import sys
import torch, torch.nn as nn, torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(999)

real = torch.tensor(load_digits().images, dtype=torch.float32).unsqueeze(1) / 8 - 1
dataloader = DataLoader(TensorDataset(real), batch_size=64, shuffle=True, drop_last=True)
nz, ngf, ndf, num_epochs, lr, beta1 = 32, 24, 24, 40, 0.0005, 0.5

def weights_init(m):
    classname = m.__class__.__name__
    if classname.find('Conv') != -1:
        nn.init.normal_(m.weight.data, 0.0, 0.02)
    elif classname.find('BatchNorm') != -1:
        nn.init.normal_(m.weight.data, 1.0, 0.02)
        nn.init.constant_(m.bias.data, 0)

class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, ngf * 2, 2, 1, 0, bias=False), nn.BatchNorm2d(ngf * 2), nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False), nn.BatchNorm2d(ngf), nn.ReLU(True),
            nn.ConvTranspose2d(ngf, 1, 4, 2, 1, bias=False), nn.Tanh())
    def forward(self, z): return self.main(z)

class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(1, ndf, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False), nn.BatchNorm2d(ndf * 2), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 2, 1, 2, 1, 0, bias=False), nn.Sigmoid())
    def forward(self, x): return self.main(x).view(-1)

netG, netD = Generator(), Discriminator()
netG.apply(weights_init); netD.apply(weights_init)
criterion = nn.BCELoss()
optimizerD = optim.Adam(netD.parameters(), lr=lr, betas=(beta1, 0.999))
optimizerG = optim.Adam(netG.parameters(), lr=lr, betas=(beta1, 0.999))
writer = DiagWriter(sys.argv[1])
writer.watch(netD, optimizerD, name="D")
writer.watch(netG, optimizerG, name="G")
step = 0
for epoch in range(num_epochs):
    for (x,) in dataloader:
        b = x.size(0)
        netD.zero_grad()
        output = netD(x)
        errD_real = criterion(output, torch.ones(b))
        errD_real.backward()
        D_x = output.mean().item()
        fake = netG(torch.randn(b, nz, 1, 1))
        output = netD(fake.detach())
        errD_fake = criterion(output, torch.zeros(b))
        errD_fake.backward()
        D_G_z1 = output.mean().item()
        optimizerD.step()
        netG.zero_grad()
        output = netD(fake)
        errG = criterion(output, torch.ones(b))
        errG.backward()
        optimizerG.step()
        writer.add_scalar("Loss/D", (errD_real + errD_fake).item(), step)
        writer.add_scalar("Loss/G", errG.item(), step)
        step += 1
    if epoch % 5 == 4:
        with torch.no_grad():
            netG.eval(); s = netG(torch.randn(1000, nz, 1, 1)); netG.train()
        mm = (s.mean(0) - real.mean(0)).abs().mean().item(); ss = (s.std(0) - real.std(0)).abs().mean().item()
        nn_d = torch.cdist(s.flatten(1), real.flatten(1)).min(1)[0].mean().item()
        print('[%d/%d] Loss_D: %.3f Loss_G: %.3f D(x): %.3f D(G(z)): %.3f | mean gap %.3f std gap %.3f nn %.2f' % (epoch + 1, num_epochs, (errD_real + errD_fake).item(), errG.item(), D_x, D_G_z1, mm, ss, nn_d))
writer.close()
