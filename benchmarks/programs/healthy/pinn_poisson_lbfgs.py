# physics-informed net for -u'' = f on [0,1], u(0)=u(1)=0, u = sin(pi x) + .3 sin(4 pi x); Adam first, L-BFGS to finish, all full batch
import sys, math
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(1234)
torch.set_default_dtype(torch.float64)


class MLP(nn.Module):
    def __init__(self, sizes=(1, 24, 24, 24, 1)):
        super().__init__()
        self.linears = nn.ModuleList([nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:])])
        for l in self.linears:
            nn.init.xavier_normal_(l.weight); nn.init.zeros_(l.bias)

    def forward(self, x):
        for l in self.linears[:-1]:
            x = torch.tanh(l(x))
        return self.linears[-1](x)


exact = lambda x: torch.sin(math.pi * x) + .3 * torch.sin(4 * math.pi * x)
source = lambda x: math.pi ** 2 * torch.sin(math.pi * x) + .3 * 16 * math.pi ** 2 * torch.sin(4 * math.pi * x)
xc = torch.linspace(0, 1, 128).view(-1, 1).requires_grad_(True)
xb = torch.tensor([[0.], [1.]])
f = source(xc).detach()
scale = f.var()


def pde_loss(model):
    u = model(2 * xc - 1)
    du = torch.autograd.grad(u.sum(), xc, create_graph=True)[0]
    ddu = torch.autograd.grad(du.sum(), xc, create_graph=True)[0]
    res = ((ddu + f) ** 2).mean() / scale
    return res + 10 * (model(2 * xb - 1) ** 2).mean()


net = MLP()
adam = torch.optim.Adam(net.parameters(), lr=3e-3)
w = DiagWriter(sys.argv[1])
w.watch(net, adam)
for it in range(1500):
    adam.zero_grad()
    loss = pde_loss(net)
    loss.backward()
    adam.step()
    w.add_loss("train", loss.item())
    if it % 500 == 499: print("adam", it + 1, "%.3e" % loss.item())

lbfgs = torch.optim.LBFGS(net.parameters(), lr=1.0, max_iter=20, history_size=50, line_search_fn="strong_wolfe")
w.watch(net, lbfgs)


def closure():
    lbfgs.zero_grad()
    l = pde_loss(net)
    l.backward()
    return l


for it in range(24):
    loss = lbfgs.step(closure)
    w.add_loss("train", loss.item())
    if it % 6 == 5: print("lbfgs", it + 1, "%.3e" % loss.item())
xt = torch.linspace(0, 1, 501).view(-1, 1)
with torch.no_grad():
    print("rel L2 %.2e" % ((net(2 * xt - 1) - exact(xt)).norm() / exact(xt).norm()).item())
w.close()
