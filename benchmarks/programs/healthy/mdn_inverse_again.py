"""Mixture density network for the inverse sine problem (after hardmaru/pytorch_notebooks, Bishop 1994).
The loss is a negative log density, so that it may go below zero."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

n_samples, n_hidden, n_gaussians = 2500, 30, 6
rng = np.random.RandomState(0)
torch.manual_seed(0)


def make(n):
    # y = x + noise in the forward direction; we learn x from y, which is many-valued
    epsilon = rng.normal(size=n)
    x_data = rng.uniform(-10, 10, n)
    y_data = 7 * np.sin(0.75 * x_data) + 0.5 * x_data + epsilon
    # swap, and bring both to about unit scale
    return (torch.tensor(y_data / 5, dtype=torch.float32).view(-1, 1),
            torch.tensor(x_data / 5, dtype=torch.float32).view(-1, 1))


class MDN(nn.Module):
    def __init__(self, n_hidden, n_gaussians):
        super().__init__()
        self.z_h = nn.Sequential(nn.Linear(1, n_hidden), nn.Tanh())
        self.z_pi = nn.Linear(n_hidden, n_gaussians)
        self.z_mu = nn.Linear(n_hidden, n_gaussians)
        self.z_sigma = nn.Linear(n_hidden, n_gaussians)

    def forward(self, x):
        z_h = self.z_h(x)
        pi = nn.functional.softmax(self.z_pi(z_h), -1)
        mu = self.z_mu(z_h)
        sigma = torch.exp(self.z_sigma(z_h))
        return pi, mu, sigma


def mdn_loss_fn(pi, mu, sigma, y):
    m = torch.distributions.Normal(loc=mu, scale=sigma)
    return -torch.logsumexp(m.log_prob(y) + torch.log(pi + 1e-8), dim=1).mean()


x, y = make(n_samples)
x_val, y_val = make(1500)
network = MDN(n_hidden, n_gaussians)
optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [1000, 1350], 0.2)
writer = DiagWriter(sys.argv[1])
writer.watch(network, optimizer)

for epoch in range(1600):
    loss = mdn_loss_fn(*network(x), y)
    writer.add_loss("train", loss)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if (epoch + 1) % 200 == 0:
        with torch.no_grad(), writer.evaluating("val"):
            val = mdn_loss_fn(*network(x_val), y_val)
        print(epoch + 1, 'train %.4f val %.4f' % (loss.item(), val.item()))
