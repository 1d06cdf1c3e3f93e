"""NICE: Non-linear Independent Components Estimation (as in paultsw/nice_pytorch and the DGM course homeworks), 8x8 digits."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


class AdditiveCoupling(nn.Module):
    def __init__(self, in_out_dim, mid_dim, hidden, mask_config):
        super().__init__()
        self.mask_config = mask_config
        self.in_block = nn.Sequential(nn.Linear(in_out_dim // 2, mid_dim), nn.ReLU())
        self.mid_block = nn.ModuleList([nn.Sequential(nn.Linear(mid_dim, mid_dim), nn.ReLU()) for _ in range(hidden - 1)])
        self.out_block = nn.Linear(mid_dim, in_out_dim // 2)

    def forward(self, x, reverse=False):
        [B, W] = list(x.size())
        x = x.reshape((B, W // 2, 2))
        on, off = (x[:, :, 0], x[:, :, 1]) if self.mask_config else (x[:, :, 1], x[:, :, 0])
        h = self.in_block(off)
        for m in self.mid_block:
            h = m(h)
        shift = self.out_block(h)
        on = on - shift if reverse else on + shift
        x = torch.stack((on, off), dim=2) if self.mask_config else torch.stack((off, on), dim=2)
        return x.reshape((B, W))


class Scaling(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.scale = nn.Parameter(torch.zeros((1, dim)))

    def forward(self, x, reverse=False):
        log_det_J = torch.sum(self.scale)
        return (x * torch.exp(-self.scale) if reverse else x * torch.exp(self.scale)), log_det_J


class NICE(nn.Module):
    def __init__(self, coupling=4, dim=64, mid_dim=64, hidden=2):
        super().__init__()
        self.dim = dim
        self.coupling = nn.ModuleList([AdditiveCoupling(dim, mid_dim, hidden, (1 + i) % 2) for i in range(coupling)])
        self.scaling = Scaling(dim)

    def sample(self, n):
        u = torch.rand(n, self.dim).clamp(1e-4, 1 - 1e-4)
        x, _ = self.scaling(torch.log(u) - torch.log(1. - u), reverse=True)
        for c in reversed(self.coupling):
            x = c(x, reverse=True)
        return x

    def log_prob(self, x):
        for c in self.coupling:
            x = c(x)
        z, ldj = self.scaling(x)
        log_ll = torch.sum(-(F.softplus(z) + F.softplus(-z)), dim=1)      # standard logistic prior
        return log_ll + ldj

    def forward(self, x):
        return self.log_prob(x)


X = load_digits().data / 17.
rng = np.random.default_rng(0)
rng.shuffle(X)
mean = X[:1500].mean(0)
X = torch.tensor(X, dtype=torch.float32)
mean = torch.tensor(mean, dtype=torch.float32)
trainloader = DataLoader(TensorDataset(X[:1500]), batch_size=100, shuffle=True)
test = X[1500:] + torch.rand(len(X) - 1500, 64) / 17. - mean

flow = NICE()
with torch.no_grad():      # start with unit-scale outputs (logistic: sd 1.81); the border pixels hardly vary
    start = X[:1500] + torch.rand(1500, 64) / 17. - mean
    for c in flow.coupling:
        start = c(start)
    flow.scaling.scale.copy_(torch.log(1.81 / start.std(0)))
optimizer = optim.Adam(flow.parameters(), lr=4e-3, betas=(0.9, 0.99), eps=1e-4)
scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, 50)
writer = DiagWriter(sys.argv[1])
writer.watch(flow, optimizer)
for epoch in range(50):
    flow.train()
    running_loss = 0
    for (inputs,) in trainloader:
        inputs = inputs + torch.rand_like(inputs) / 17. - mean            # dequantisation
        optimizer.zero_grad()
        loss = -flow(inputs).mean()
        running_loss += float(loss)
        loss.backward()
        optimizer.step()
        writer.add_loss("train", loss)
    scheduler.step()
    flow.eval()
    with torch.no_grad():
        test_loss = -flow(test).mean().item()
    writer.add_loss("test", test_loss)
    if epoch % 5 == 4:
        print(f'epoch {epoch + 1:3d} train {running_loss / len(trainloader):.3f} test {test_loss:.3f}')
writer.close()
with torch.no_grad():
    s = flow.sample(300) + mean
print(f"RESULT test_nll={test_loss:.3f} bits_per_dim={(test_loss / 64 + np.log(17)) / np.log(2):.3f} sample_mean_abs_diff={(s.mean(0) - X[:1500].mean(0)).abs().mean():.3f}")
