"""Bishop's inverse problem with a mixture density network (hardmaru's notebook): five Gaussians, Adam."""
import math
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
n_samples = 2500
y_data = torch.from_numpy(np.random.RandomState(0).uniform(-10.5, 10.5, (n_samples, 1))).float()
x_data = torch.sin(0.75 * y_data) * 7.0 + y_data * 0.5 + torch.randn(n_samples, 1)
x_data, y_data = x_data / x_data.std(), y_data / y_data.std()


class MDN(nn.Module):
    def __init__(self, n_hidden, n_gaussians):
        super(MDN, self).__init__()
        self.z_h = nn.Sequential(nn.Linear(1, n_hidden), nn.Tanh(), nn.Linear(n_hidden, n_hidden), nn.Tanh())
        self.z_pi = nn.Linear(n_hidden, n_gaussians)
        self.z_mu = nn.Linear(n_hidden, n_gaussians)
        self.z_sigma = nn.Linear(n_hidden, n_gaussians)

    def forward(self, x):
        z_h = self.z_h(x)
        return nn.functional.log_softmax(self.z_pi(z_h), -1), self.z_mu(z_h), self.z_sigma(z_h)


def mdn_loss_fn(log_pi, mu, log_sigma, y):
    log_p = -0.5 * ((y.expand_as(mu) - mu) * torch.exp(-log_sigma)) ** 2 - log_sigma - 0.5 * math.log(2 * math.pi)
    return -torch.logsumexp(log_pi + log_p, dim=1).mean()


network = MDN(n_hidden=32, n_gaussians=5)
optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
writer = DiagWriter(sys.argv[1])
writer.watch(network, optimizer, mdn_loss_fn)
for epoch in range(2000):
    pi, mu, sigma = network(x_data)
    loss = writer.loss_fn(pi, mu, sigma, y_data)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"RESULT nll {loss.item():.4f} (a single Gaussian without x: {0.5 * math.log(2 * math.pi * math.e):.3f})")
writer.close()
