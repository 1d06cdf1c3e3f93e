import sys
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.manual_seed(7)
torch.set_num_threads(1)


class SineLayer(nn.Module):
    def __init__(self, in_features, out_features, is_first=False, omega_0=30):
        super().__init__()
        self.omega_0 = omega_0
        self.linear = nn.Linear(in_features, out_features)
        with torch.no_grad():
            b = 1 / in_features if is_first else np.sqrt(6 / in_features) / omega_0
            self.linear.weight.uniform_(-b, b)

    def forward(self, x):
        return torch.sin(self.omega_0 * self.linear(x))


class Siren(nn.Module):
    def __init__(self, hidden=64, layers=3):
        super().__init__()
        net = [SineLayer(2, hidden, is_first=True)] + [SineLayer(hidden, hidden) for _ in range(layers)]
        final = nn.Linear(hidden, 1)
        with torch.no_grad():
            b = np.sqrt(6 / hidden) / 30
            final.weight.uniform_(-b, b)
        self.net = nn.Sequential(*net, final)

    def forward(self, coords):
        return self.net(coords)


def get_mgrid(n):
    t = torch.linspace(-1, 1, n)
    return torch.stack(torch.meshgrid(t, t, indexing='ij'), -1).reshape(-1, 2)


# a 48x48 sheet of digits
img = np.block([[load_digits().images[6 * i + j] for j in range(6)] for i in range(6)])
pixels = torch.tensor(img / 8. - 1., dtype=torch.float32).reshape(-1, 1)
coords = get_mgrid(48)
img_siren = Siren()
optim = torch.optim.Adam(lr=3e-4, params=img_siren.parameters())
total_steps = 350
writer = DiagWriter(sys.argv[1])
writer.watch(img_siren, optim)
for step in range(total_steps):
    model_output = img_siren(coords)
    loss = ((model_output - pixels) ** 2).mean()
    writer.add_loss("train", loss)
    if not step % 100 or step == total_steps - 1:
        print("Step %d, Total loss %0.6f  PSNR %.1f" % (step, loss.item(), -10 * torch.log10(loss.detach() / 4)))
    optim.zero_grad()
    loss.backward()
    optim.step()
writer.close()
