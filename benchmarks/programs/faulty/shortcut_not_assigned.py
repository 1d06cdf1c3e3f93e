"""Plain residual MLP of 16 blocks (no normalisation), dielectric spectra -> moisture. nn.Module style of a research repo."""
import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(10)
FORM = sys.argv[1]


class Residual(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.lin1 = nn.Linear(dim, dim)
        self.lin2 = nn.Linear(dim, dim)

    def forward(self, X):
        Y = torch.tanh(self.lin1(X))
        Y = self.lin2(Y)
        if FORM == "faulty":
            Y + X
        else:
            Y = Y + X
        return Y


class ResMLP(nn.Module):
    def __init__(self, d_in, dim, depth):
        super().__init__()
        self.stem = nn.Linear(d_in, dim)
        self.blocks = nn.Sequential(*[Residual(dim) for _ in range(depth)])
        self.head = nn.Linear(dim, 1)

    def forward(self, x):
        return self.head(torch.tanh(self.blocks(self.stem(x)))).squeeze(-1)


def spectra(n, seed):
    g = torch.Generator().manual_seed(seed)
    z = torch.randn(n, 4, generator=g)
    f = torch.linspace(0, 1, 30)
    s = (torch.exp(-((f - 0.3 - 0.06 * z[:, :1]) ** 2) / 0.02) * (1 + 0.3 * z[:, 1:2]) + torch.exp(-((f - 0.7) ** 2) / 0.05) * (0.5 * z[:, 2:3])
         + 0.1 * z[:, 3:4] * f + 0.02 * torch.randn(n, 30, generator=g))
    y = torch.tanh(z[:, 0]) + 0.5 * z[:, 1] * (z[:, 2] > 0) + 0.3 * z[:, 2]
    return s, y + 0.05 * torch.randn(n, generator=g)


xt, yt = spectra(2400, 0)
xv, yv = spectra(600, 1)
mu, sd = xt.mean(0), xt.std(0)
xt, xv = (xt - mu) / sd, (xv - mu) / sd
my, sy = yt.mean(), yt.std()
yt, yv = (yt - my) / sy, (yv - my) / sy
model = ResMLP(30, 32, 16)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-4)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(20):
    for idx in torch.randperm(len(xt)).split(48):
        loss = loss_fn(model(xt[idx]), yt[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        vl = loss_fn(model(xv), yv).item()
    if epoch % 4 == 3:
        print(epoch, loss.item(), vl)
writer.close()
print(f"RESULT val mse {vl:.4f}")
