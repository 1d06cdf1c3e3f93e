import sys
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_sample_image
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


class SineLayer(nn.Module):
    # omega_0 trick and init of the SIREN paper
    def __init__(self, in_features, out_features, is_first=False, omega_0=30.):
        super().__init__()
        self.omega_0 = omega_0
        self.linear = nn.Linear(in_features, out_features)
        with torch.no_grad():
            b = 1 / in_features if is_first else np.sqrt(6 / in_features) / omega_0
            self.linear.weight.uniform_(-b, b)

    def forward(self, x):
        return torch.sin(self.omega_0 * self.linear(x))


class Siren(nn.Module):
    def __init__(self, hidden=64, layers=2):
        super().__init__()
        net = [SineLayer(2, hidden, True)] + [SineLayer(hidden, hidden) for _ in range(layers)]
        last = nn.Linear(hidden, 1)
        with torch.no_grad():
            b = np.sqrt(6 / hidden) / 30
            last.weight.uniform_(-b, b)
        self.net = nn.Sequential(*net, last)

    def forward(self, c):
        return self.net(c)


def get_mgrid(h, w):
    return torch.stack(torch.meshgrid(torch.linspace(-1, 1, h), torch.linspace(-1, 1, w), indexing="ij"), -1).view(-1, 2)


img = load_sample_image("china.jpg").mean(2)[40:360, 160:480]
img = img.reshape(80, 4, 80, 4).mean((1, 3)) / 255.
pixels = torch.tensor((img - .5) / .5, dtype=torch.float32).view(-1, 1)
coords = get_mgrid(80, 80)

img_siren = Siren()
total_steps = 600
optim = torch.optim.Adam(lr=1e-3, params=img_siren.parameters())
criterion = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(img_siren, optim, criterion)
for step in range(total_steps):
    out = img_siren(coords)
    loss = criterion(out, pixels)
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 100 == 99:
        psnr = 10 * np.log10(4 / loss.item())
        writer.add_scalar("psnr", psnr, step)
        print("Step %d, mse %0.6f psnr %.2f" % (step + 1, loss.item(), psnr))
writer.close()
