"""
Fourier Neural Operator for 1d Burgers, after fourier_1d.py: u0 -> u(., 1), relative L2 loss, complex spectral weights.
"""
import sys
from timeit import default_timer

import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


def burgers(n, s=64, nu=0.02, steps=600, T=1.0):
    """pseudo spectral, periodic"""
    k = torch.fft.rfftfreq(s, 1. / s) * 2 * torch.pi
    amp = 10. * (k ** 2 + 49) ** -1.0
    u = torch.fft.irfft(torch.complex(torch.randn(n, len(k)), torch.randn(n, len(k))) * amp * s / 2 ** .5, n=s)
    u0, dt = u.clone(), T / steps
    ik, decay = 1j * k, torch.exp(-nu * k ** 2 * dt)
    mask = (k < 2 * torch.pi * s / 3).float()
    uh = torch.fft.rfft(u)
    for _ in range(steps):
        f = lambda h: -0.5 * ik * mask * torch.fft.rfft(torch.fft.irfft(h, n=s) ** 2)
        k1 = f(uh)
        k2 = f((uh + dt * k1) * decay)
        uh = uh * decay + 0.5 * dt * (k1 * decay + k2)
    u1 = torch.fft.irfft(uh, n=s)
    return u0, u1 + 0.02 * u1.std(1, keepdim=True) * torch.randn_like(u1)      # probes have 2 % noise


class LpLoss(nn.Module):
    def forward(self, x, y):
        return ((x - y).flatten(1).norm(dim=1) / y.flatten(1).norm(dim=1)).mean()


class SpectralConv1d(nn.Module):
    def __init__(self, width, modes1):
        super().__init__()
        self.modes1 = modes1
        self.weights1 = nn.Parameter(torch.rand(width, width, modes1, dtype=torch.cfloat) / width ** 2)

    def forward(self, x):
        x_ft = torch.fft.rfft(x)
        out_ft = torch.zeros_like(x_ft)
        out_ft[..., :self.modes1] = torch.einsum('bix,iox->box', x_ft[..., :self.modes1], self.weights1)
        return torch.fft.irfft(out_ft, n=x.size(-1))


class FNO1d(nn.Module):
    def __init__(self, modes=12, width=20):
        super().__init__()
        self.p = nn.Linear(2, width)
        self.conv = nn.ModuleList(SpectralConv1d(width, modes) for _ in range(4))
        self.w = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in range(4))
        self.q = nn.Sequential(nn.Linear(width, 64), nn.GELU(), nn.Linear(64, 1))

    def forward(self, x):
        grid = torch.linspace(0, 1, x.shape[1]).expand(x.shape[0], -1)
        x = self.p(torch.stack([x, grid], -1)).permute(0, 2, 1)
        for i in range(4):
            x = self.conv[i](x) + self.w[i](x)
            if i < 3:
                x = F.gelu(x)
        return self.q(x.permute(0, 2, 1)).squeeze(-1)


ntrain, ntest, batch_size, learning_rate, epochs = 800, 200, 20, 0.006, 30
a, u = burgers(ntrain + ntest)
x_train, y_train, x_test, y_test = a[:ntrain], u[:ntrain], a[ntrain:], u[ntrain:]
model = FNO1d()
print(sum(p.numel() * (2 if p.is_complex() else 1) for p in model.parameters()))
iterations = epochs * (ntrain // batch_size)
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=iterations)
myloss = LpLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, myloss)

for ep in range(epochs):
    model.train()
    t1 = default_timer()
    train_l2 = 0
    for b in torch.randperm(ntrain).split(batch_size):
        optimizer.zero_grad()
        l2 = myloss(model(x_train[b]), y_train[b])
        l2.backward()
        optimizer.step()
        scheduler.step()
        train_l2 += l2.item() * len(b) / ntrain
    model.eval()
    with torch.no_grad():
        test_l2 = myloss(model(x_test), y_test).item()
    print(ep, f"{default_timer() - t1:.2f}", f"{train_l2:.5f}", f"{test_l2:.5f}")
writer.close()
