"""Sparse-ish auto-encoder for log readings of a plant; columns lie roughly between 0 and 6."""
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from tb_lossdiag import DiagWriter

form, out_dir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(17)


def simulate(rows, seed):
    r = np.random.RandomState(seed)
    latent = r.randn(rows, 5)
    latent[:, 4] = np.tanh(latent[:, 0] * latent[:, 1])
    mix = np.random.RandomState(99).randn(5, 24)
    level = np.random.RandomState(98).uniform(1.0, 3.0, 24)
    flow = level + 0.45 * latent @ mix + 0.12 * r.randn(rows, 24)
    return np.log1p(np.exp(flow)).astype(np.float32)  # readings can't be negative


class AutoEncoder(nn.Module):
    def __init__(self, n_visible, n_hidden):
        super().__init__()
        self.W = nn.Linear(n_visible, n_hidden)
        self.W_prime = nn.Linear(n_hidden, n_visible)

    def encode(self, x):
        return torch.sigmoid(self.W(x))

    def reconstruct(self, code):
        z = self.W_prime(code)
        if form == "faulty":
            return torch.sigmoid(z)
        return F.softplus(z)

    def forward(self, x):
        return self.reconstruct(self.encode(x))


train = torch.from_numpy(simulate(4000, 1))
test = torch.from_numpy(simulate(1000, 2))
print(f"readings from {train.min():.2f} to {train.max():.2f}, mean {train.mean():.2f}")

ae = AutoEncoder(24, 10)
opt = torch.optim.Adam(ae.parameters(), lr=0.005)
mse = nn.MSELoss()
writer = DiagWriter(out_dir)
writer.watch(ae, opt, mse)

for epoch in range(40):
    perm = torch.randperm(len(train))
    cost = 0.0
    for b in perm.split(80):
        x = train[b]
        loss = mse(ae(x), x)
        opt.zero_grad()
        loss.backward()
        opt.step()
        cost += loss.item() * len(b)
    with writer.evaluating("val"):
        test_cost = mse(ae(test), test).item()
    if epoch % 8 == 0 or epoch == 39:
        print(f"epoch {epoch}: cost {cost / len(train):.4f}, unseen {test_cost:.4f}")

writer.close()
explained = 1 - test_cost / ((test - train.mean(0)) ** 2).mean().item()
print(f"RESULT test_mse {test_cost:.4f} explained_variance {explained:.4f}")
