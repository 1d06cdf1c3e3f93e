"""SIREN's explore notebook: fit an image from its coordinates; omega 30, Adam 1e-3, full batch."""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter


class SineLayer(nn.Module):
    def __init__(self, in_features, out_features, bias=True, is_first=False, omega_0=30):
        super().__init__()
        self.omega_0, self.is_first, self.in_features = omega_0, is_first, in_features
        self.linear = nn.Linear(in_features, out_features, bias=bias)
        self.init_weights()

    def init_weights(self):
        with torch.no_grad():
            if self.is_first:
                self.linear.weight.uniform_(-1 / self.in_features, 1 / self.in_features)
            else:
                b = np.sqrt(6 / self.in_features) / self.omega_0
                self.linear.weight.uniform_(-b, b)

    def forward(self, input):
        return torch.sin(self.omega_0 * self.linear(input))


class Siren(nn.Module):
    def __init__(self, in_features, hidden_features, hidden_layers, out_features, omega_0=30.0):
        super().__init__()
        net = [SineLayer(in_features, hidden_features, is_first=True, omega_0=omega_0)]
        net += [SineLayer(hidden_features, hidden_features, omega_0=omega_0) for _ in range(hidden_layers)]
        final = nn.Linear(hidden_features, out_features)
        with torch.no_grad():
            b = np.sqrt(6 / hidden_features) / omega_0
            final.weight.uniform_(-b, b)
        self.net = nn.Sequential(*net, final)

    def forward(self, coords):
        return self.net(coords)


def get_image(n):
    y, x = np.mgrid[-1 : 1 : n * 1j, -1 : 1 : n * 1j]
    r = np.hypot(x - 0.2, y + 0.1)
    img = np.sin(12 * r) * np.exp(-r) + ((abs(x + 0.5) < 0.2) & (abs(y - 0.4) < 0.3)) * 0.8 + 0.3 * np.sign(np.sin(9 * x + 5 * y))
    img = (img - img.min()) / (img.max() - img.min())
    return torch.tensor((img - 0.5) / 0.5, dtype=torch.float32).view(-1, 1)


torch.set_num_threads(1)
torch.manual_seed(0)
n = 48
t = torch.linspace(-1, 1, n)
model_input = torch.stack(torch.meshgrid(t, t, indexing="ij"), -1).view(-1, 2).flip(1)
ground_truth = get_image(n)
img_siren = Siren(2, 64, 3, 1)
total_steps = 1000
optim = torch.optim.Adam(lr=1e-3, params=img_siren.parameters())
writer = DiagWriter(sys.argv[1])
writer.watch(img_siren, optim)
for step in range(total_steps):
    model_output = img_siren(model_input)
    loss = ((model_output - ground_truth) ** 2).mean()
    writer.add_loss("train", loss)
    optim.zero_grad()
    loss.backward()
    optim.step()
print(f"RESULT mse {loss.item():.6f} psnr {10 * np.log10(4 / loss.item()):.1f} (variance {ground_truth.var().item():.3f})")
writer.close()
