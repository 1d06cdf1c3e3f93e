# physics-informed network: u'' + 0.4 u' + 4 u = 0, u(0)=1, u'(0)=0 on [0, 4]
import sys, math
import torch
from torch import nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0)
mu, k = 0.4, 4.0
w0 = math.sqrt(k - mu ** 2 / 4)
exact = lambda t: torch.exp(-mu / 2 * t) * (torch.cos(w0 * t) + mu / (2 * w0) * torch.sin(w0 * t))


class PINN(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, t):
        return self.net(t / 2 - 1)


def grad(y, x):
    return torch.autograd.grad(y, x, torch.ones_like(y), create_graph=True)[0]


net = PINN()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.998)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt)
tt = torch.linspace(0, 4, 200)[:, None]
for it in range(1, 1801):
    t = torch.cat([torch.zeros(1, 1), 4 * torch.rand(63, 1)]).requires_grad_(True)
    u = net(t); du = grad(u, t); ddu = grad(du, t)
    residual = (ddu + mu * du + k * u).pow(2).mean()
    start = (u[0] - 1).pow(2).sum() + du[0].pow(2).sum()
    loss = residual + 10 * start
    writer.add_loss("train", loss.detach())
    opt.zero_grad(); loss.backward(); opt.step(); sched.step()
    if it % 200 == 0:
        with torch.no_grad():
            print(it, "loss %.5f error against the exact solution %.4f" % (loss, (net(tt) - exact(tt)).abs().mean()))
writer.close()
