# physics-informed net for u_t = D u_xx on [0,1], u(0,t)=u(1,t)=0; initial state given as measured points (x, y, t, u0)
import sys
import math
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(20)
run, logdir = sys.argv[1], sys.argv[2]
D = 0.1


def exact(x, t):
    return torch.sin(math.pi * x) * math.exp(0) * torch.exp(-D * math.pi ** 2 * t) \
        + 0.5 * torch.sin(2 * math.pi * x) * torch.exp(-4 * D * math.pi ** 2 * t)


class ICDataset(Dataset):
    def __init__(self, n):
        self.x = torch.rand(n)
        self.u = exact(self.x, torch.zeros(n))

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return torch.stack([self.x[i], torch.tensor(0.)]), self.u[i]


class InitialCondition:
    def __init__(self, dataset, batch):
        self.loader = DataLoader(dataset, batch_size=batch, shuffle=True)

    def __iter__(self):
        while True:
            yield from self.loader

    def __call__(self, model, x, u0):
        prediction = model(x)
        if run == "fixed":
            prediction = prediction.reshape(-1)
        return nn.functional.mse_loss(prediction, u0)


class MLP(nn.Module):
    def __init__(self, h=32):
        super().__init__()
        self.seq = nn.Sequential(nn.Linear(2, h), nn.Tanh(), nn.Linear(h, h), nn.Tanh(), nn.Linear(h, 1))

    def forward(self, x):
        return self.seq(x)


def pde(model, n):
    z = torch.rand(n, 2, requires_grad=True)
    u = model(z)
    g = torch.autograd.grad(u.sum(), z, create_graph=True)[0]
    uxx = torch.autograd.grad(g[:, 0].sum(), z, create_graph=True)[0][:, 0]
    return ((g[:, 1] - D * uxx) ** 2).mean()


def boundary(model, n):
    t = torch.rand(n, 1)
    left, right = torch.cat([torch.zeros_like(t), t], 1), torch.cat([torch.ones_like(t), t], 1)
    return (model(left) ** 2).mean() + (model(right) ** 2).mean()


model = MLP()
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
ic = InitialCondition(ICDataset(512), 64)
stream = iter(ic)
writer = DiagWriter(logdir)
writer.watch(model, opt)
gx, gt = torch.meshgrid(torch.linspace(0, 1, 41), torch.linspace(0, 1, 21), indexing="ij")
grid = torch.stack([gx.reshape(-1), gt.reshape(-1)], 1)
u = exact(grid[:, 0], grid[:, 1])
for it in range(2000):
    x, u0 = next(stream)
    l_ic, l_pde, l_bc = ic(model, x, u0), pde(model, 64), boundary(model, 32)
    loss = 10 * l_ic + l_pde + 10 * l_bc
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 100 == 0:
        writer.add_scalar("Loss/ic", l_ic.item(), it)
        writer.add_scalar("Loss/pde", l_pde.item(), it)
        with torch.no_grad():
            err = ((model(grid)[:, 0] - u).norm() / u.norm()).item()
        writer.add_scalar("error/rel_l2", err, it)
        print(it, round(loss.item(), 4), round(err, 4))
with torch.no_grad():
    err = ((model(grid)[:, 0] - u).norm() / u.norm()).item()
writer.close()
print("RESULT rel_l2_error", round(err, 4))
