"""Fourier neural operator for dispersive waves: initial condition u(x,0) -> u(x,T), after fourier_1d.py"""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from timeit import default_timer
from tb_lossdiag import DiagWriter

torch.manual_seed(0); np.random.seed(0)
torch.set_num_threads(1)

################################################################
#  1d fourier layer
################################################################
class SpectralConv1d(nn.Module):
    def __init__(self, in_channels, out_channels, modes1):
        super(SpectralConv1d, self).__init__()
        self.in_channels, self.out_channels, self.modes1 = in_channels, out_channels, modes1
        self.scale = (1 / (in_channels * out_channels))
        self.weights1 = nn.Parameter(self.scale * torch.rand(in_channels, out_channels, self.modes1, 2))

    def forward(self, x):
        x_ft = torch.fft.rfft(x)
        out_ft = torch.zeros(x.shape[0], self.out_channels, x.size(-1) // 2 + 1, dtype=torch.cfloat)
        out_ft[:, :, :self.modes1] = torch.einsum("bix,iox->box", x_ft[:, :, :self.modes1], torch.view_as_complex(self.weights1))
        return torch.fft.irfft(out_ft, n=x.size(-1))


class FNO1d(nn.Module):
    def __init__(self, modes, width):
        super(FNO1d, self).__init__()
        self.fc0 = nn.Linear(2, width)
        self.convs = nn.ModuleList([SpectralConv1d(width, width, modes) for _ in range(3)])
        self.ws = nn.ModuleList([nn.Conv1d(width, width, 1) for _ in range(3)])
        self.fc1 = nn.Linear(width, 48)
        self.fc2 = nn.Linear(48, 1)

    def forward(self, x):
        grid = torch.linspace(0, 1, x.shape[1]).view(1, -1, 1).expand(x.shape[0], -1, -1)
        x = self.fc0(torch.cat((x, grid), -1)).permute(0, 2, 1)
        for k, (c, w) in enumerate(zip(self.convs, self.ws)):
            x = c(x) + w(x)
            if k < 2:
                x = F.gelu(x)
        x = x.permute(0, 2, 1)
        return self.fc2(F.gelu(self.fc1(x)))


class LpLoss(nn.Module):
    def forward(self, x, y):
        n = x.shape[0]
        d = torch.norm(x.reshape(n, -1) - y.reshape(n, -1), 2, 1)
        return torch.mean(d / torch.norm(y.reshape(n, -1), 2, 1))

################################################################
#  data: linear Klein-Gordon waves plus a weak cubic correction, 64 grid points, noisy sensors
################################################################
S = 64
def simulate(n):
    k = np.arange(1, 15)
    a = np.random.randn(n, 14, 2) * (1 / (1 + (k / 9.) ** 4))[None, :, None]
    x = np.arange(S) / S * 2 * np.pi
    w = np.sqrt(4 + .6 * k ** 2)
    T = .9
    def field(shift):
        ph = k[None, :, None] * x[None, None] - shift[None, :, None]
        return (a[:, :, :1] * np.cos(ph) + a[:, :, 1:] * np.sin(ph)).sum(1) / 2.5
    u0, uT = field(0 * w), field(w * T)
    uT = uT - .05 * uT ** 3
    return u0[..., None], (uT + .06 * np.random.randn(n, S))[..., None]

ntrain, ntest = 1000, 200
modes = 3 if sys.argv[1] == "faulty" else 16
width = 20
batch_size, learning_rate, epochs = 20, 0.003, 14

x, y = map(lambda t: torch.tensor(t, dtype=torch.float32), simulate(ntrain + ntest))
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[:ntrain], y[:ntrain]), batch_size=batch_size, shuffle=True)
test_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[ntrain:], y[ntrain:]), batch_size=100)

model = FNO1d(modes, width)
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs * (ntrain // batch_size))
myloss = LpLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, myloss)
for ep in range(epochs):
    model.train()
    t1 = default_timer()
    train_l2 = train_mse = 0
    for xx, yy in train_loader:
        optimizer.zero_grad()
        out = model(xx)
        l2 = myloss(out, yy)
        l2.backward()
        optimizer.step()
        scheduler.step()
        train_l2 += l2.item() / len(train_loader)
    model.eval()
    test_l2 = 0.0
    with torch.no_grad(), writer.evaluating("test"):
        for xx, yy in test_loader:
            test_l2 += myloss(model(xx), yy).item() / len(test_loader)
    print(ep, "%.1fs" % (default_timer() - t1), "%.4f" % train_l2, "%.4f" % test_l2)
writer.close()
print(f"RESULT train_l2={train_l2:.4f} test_l2={test_l2:.4f}")
