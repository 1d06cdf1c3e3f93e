import sys
import math
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(4)
MODE, LOGDIR = sys.argv[1], sys.argv[2]
ALPHA = 0.1  # u_t = alpha u_xx on [0,1]x[0,1], rod held at 0 on both ends


def exact(x, t):
    return torch.exp(-ALPHA * math.pi ** 2 * t) * torch.sin(math.pi * x) + 0.5 * torch.exp(-ALPHA * 9 * math.pi ** 2 * t) * torch.sin(3 * math.pi * x)


class PINN(nn.Module):
    def __init__(self, layers=(2, 40, 40, 40, 1)):
        super().__init__()
        act = nn.ReLU if MODE == "faulty" else nn.Tanh
        mods = []
        for i, (a, b) in enumerate(zip(layers[:-1], layers[1:])):
            lin = nn.Linear(a, b)
            nn.init.xavier_normal_(lin.weight)
            nn.init.zeros_(lin.bias)
            mods.append(lin)
            if i < len(layers) - 2:
                mods.append(act())
        self.net = nn.Sequential(*mods)

    def forward(self, x, t):
        return self.net(torch.cat([2 * x - 1, 2 * t - 1], 1))


def grad(y, x):
    return torch.autograd.grad(y, x, torch.ones_like(y), create_graph=True)[0]


model = PINN()
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.9985)
mse = nn.MSELoss()
writer = DiagWriter(LOGDIR)
writer.watch(model, opt)

xi = torch.rand(100, 1); ti = torch.zeros(100, 1); ui = exact(xi, ti) + 0.01 * torch.randn(100, 1)
tb = torch.rand(100, 1); xb = (torch.rand(100, 1) > 0.5).float(); ub = torch.zeros(100, 1)
xs, ts = torch.meshgrid(torch.linspace(0, 1, 40), torch.linspace(0, 1, 40), indexing="ij")
xs, ts = xs.reshape(-1, 1), ts.reshape(-1, 1)
for it in range(2000):
    x = torch.rand(200, 1, requires_grad=True)
    t = torch.rand(200, 1, requires_grad=True)
    u = model(x, t)
    u_x, u_t = grad(u, x), grad(u, t)
    u_xx = grad(u_x, x)
    loss_f = mse(u_t, ALPHA * u_xx)
    loss_u = mse(model(torch.cat([xi, xb]), torch.cat([ti, tb])), torch.cat([ui, ub]))
    loss = loss_f + 10 * loss_u
    opt.zero_grad()
    loss.backward()
    opt.step()
    sched.step()
    writer.add_loss("train", loss)
    if it % 200 == 199:
        with writer.evaluating("val"):
            e = model(xs, ts) - exact(xs, ts)
            writer.add_loss("val", (e ** 2).mean())
        rel = e.norm() / exact(xs, ts).norm()
        print(f"It {it + 1} loss {loss.item():.3e} pde {loss_f.item():.3e} data {loss_u.item():.3e} rel L2 {rel.item():.4f}")
writer.close()
