"""Density of the two moons with RealNVP: six affine couplings, s through tanh, an L2 penalty on the
kernels that the author's custom train step leaves out of the loss (as here).
Port of keras-team/keras-io examples/generative/real_nvp.py."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.distributions import MultivariateNormal
from sklearn.datasets import make_moons
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
np.random.seed(0)

data = make_moons(3000, noise=0.1)[0].astype("float32")
data = torch.from_numpy((data - data.mean(0)) / data.std(0))
train_x, val_x = data[:2400], data[2400:]
output_dim = 64


def mlp(dim, last):
    layers, d = [], dim
    for _ in range(4):
        layers += [nn.Linear(d, output_dim), nn.ReLU()]
        d = output_dim
    layers.append(nn.Linear(d, dim))
    if last:
        layers.append(last)
    net = nn.Sequential(*layers)
    for m in net:
        if isinstance(m, nn.Linear):  # keras defaults
            nn.init.xavier_uniform_(m.weight)
            nn.init.zeros_(m.bias)
    return net


class Coupling(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.t = mlp(dim, None)
        self.s = mlp(dim, nn.Tanh())

    def forward(self, x):
        return self.s(x), self.t(x)


class RealNVP(nn.Module):
    def __init__(self, num_coupling_layers):
        super().__init__()
        self.num_coupling_layers = num_coupling_layers
        self.distribution = MultivariateNormal(torch.zeros(2), torch.eye(2))
        self.register_buffer("masks", torch.tensor([[0., 1.], [1., 0.]] * (num_coupling_layers // 2)))
        self.layers_list = nn.ModuleList([Coupling(2) for _ in range(num_coupling_layers)])

    def forward(self, x, inverse=True):
        log_det_inv = 0
        direction = -1 if inverse else 1
        for i in range(self.num_coupling_layers)[::direction]:
            x_masked = x * self.masks[i]
            rev = 1 - self.masks[i]
            s, t = self.layers_list[i](x_masked)
            s, t = s * rev, t * rev
            gate = (direction - 1) / 2
            x = rev * (x * torch.exp(direction * s) + direction * t * torch.exp(gate * s)) + x_masked
            log_det_inv = log_det_inv + gate * s.sum(1)
        return x, log_det_inv

    def log_loss(self, x):
        y, logdet = self(x)
        return -(self.distribution.log_prob(y) + logdet).mean()


model = RealNVP(6)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer)
for epoch in range(1, 121):
    model.train()
    tot = 0.0
    perm = torch.randperm(len(train_x))
    for b in perm.split(256):
        loss = model.log_loss(train_x[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        writer.add_loss("train", loss)
        tot += loss.item() * len(b)
    model.eval()
    with torch.no_grad():
        val_loss = model.log_loss(val_x)
    writer.add_loss("val", val_loss)
    if epoch % 10 == 0:
        print(f"Epoch {epoch}/120 - loss: {tot / len(train_x):.4f} - val_loss: {val_loss.item():.4f}")
writer.close()
