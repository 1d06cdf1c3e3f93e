"""
Tiny hyperprior codec (coarse-to-fine style) on 8x8 patches.
Rate: Gaussian conditional model with mean and std from the hyper layer.
"""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

FAULTY = sys.argv[1] == "faulty"
torch.manual_seed(3)
torch.set_num_threads(1)


def std_normal_cdf(v):
    return 0.5 * (1 + torch.erf(v * 0.70710678))


class GaussianModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.eps = 1e-6

    def _cumulative(self, inputs, stds, mu):
        half = 0.5
        upper = (inputs - mu + half) / stds
        lower = (inputs - mu - half) / stds
        return std_normal_cdf(upper) - std_normal_cdf(lower)

    def forward(self, inputs, hyper_sigma, hyper_mu):
        if not FAULTY:
            hyper_sigma = hyper_sigma + 0.05
        likelihood = self._cumulative(inputs, hyper_sigma, hyper_mu)
        return torch.clamp(likelihood, min=self.eps)


class Codec(nn.Module):
    def __init__(self, M=12, N=6):
        super().__init__()
        self.analysis = nn.Sequential(nn.Conv2d(1, 24, 3, stride=2, padding=1), nn.LeakyReLU(.1),
                                      nn.Conv2d(24, M, 3, stride=2, padding=1))
        self.h_analysis = nn.Sequential(nn.Conv2d(M, 24, 1), nn.ReLU(), nn.Conv2d(24, N, 2))
        self.h_synthesis = nn.Sequential(nn.ConvTranspose2d(N, 32, 2), nn.ReLU(), nn.Conv2d(32, 2 * M, 1))
        self.synthesis = nn.Sequential(nn.ConvTranspose2d(M, 24, 4, stride=2, padding=1), nn.LeakyReLU(.1),
                                       nn.ConvTranspose2d(24, 1, 4, stride=2, padding=1))
        self.z_log_std = nn.Parameter(torch.zeros(1, N, 1, 1))
        self.conditional = GaussianModel()
        nn.init.constant_(self.h_synthesis[-1].bias[M:], 1.0)       # std starts at about one

    @staticmethod
    def quantize(x, training):
        return x + torch.rand_like(x) - 0.5 if training else torch.round(x)

    def forward(self, x):
        y = self.analysis(x) * 4
        z = self.quantize(self.h_analysis(y), self.training)
        mu, std = self.h_synthesis(z).chunk(2, 1)
        std = F.relu(std)
        y_hat = self.quantize(y, self.training)
        p_y = self.conditional(y_hat, std, mu)
        s_z = self.z_log_std.exp() + .05
        p_z = torch.clamp(std_normal_cdf((z + .5) / s_z) - std_normal_cdf((z - .5) / s_z), min=1e-6)
        bits = (-torch.log2(p_y).sum() - torch.log2(p_z).sum()) / x.size(0)
        return self.synthesis(y_hat), bits


class RateDistortion(nn.Module):
    def __init__(self, lmbda):
        super().__init__()
        self.lmbda = lmbda

    def forward(self, x_hat, x, bits):
        return self.lmbda * F.mse_loss(x_hat, x) + bits / 64


imgs = torch.tensor(load_digits().images, dtype=torch.float32).unsqueeze(1) / 16
imgs = torch.clamp(imgs + 0.03 * torch.randn_like(imgs), 0, 1)
perm = torch.randperm(len(imgs))
train, test = imgs[perm[:1450]], imgs[perm[1450:]]

net = Codec()
rd = RateDistortion(120.)
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, rd)

for epoch in range(20):
    net.train()
    order = torch.randperm(len(train))
    for i in range(0, len(train) - 31, 32):
        x = train[order[i:i + 32]]
        x_hat, bits = net(x)
        loss = rd(x_hat, x, bits)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        x_hat, bits = net(test)
        val = rd(x_hat, test, bits).item()
    if epoch % 5 == 4:
        print(f"[{epoch}] rd train {loss.item():.3f}  rd val {val:.3f}  bpp {bits.item() / 64:.3f}  mse {F.mse_loss(x_hat, test).item():.5f}")
writer.close()
print(f"RESULT val_rd={val:.4f} bpp={bits.item() / 64:.4f} mse={F.mse_loss(x_hat, test).item():.5f}")
