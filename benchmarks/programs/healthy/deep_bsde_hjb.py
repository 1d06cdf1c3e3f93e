"""Deep BSDE solver (Han, Jentzen, E 2018) for the Hamilton-Jacobi-Bellman equation of LQG control, d = 20.
u_t + laplace(u) - |grad u|^2 = 0,  u(T,x) = log((1+|x|^2)/2).
u(0,0) is itself a trained number (y0) which starts on purpose at 0.5 and needs a far larger rate than the nets."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)

config = dict(dim=20, total_time=1.0, num_time_interval=10, batch_size=64, num_iterations=450, lr=1e-2, y_init=0.5)


class HJB:
    def __init__(self, c):
        self.d, self.T, self.n = c["dim"], c["total_time"], c["num_time_interval"]
        self.dt = self.T / self.n
        self.lambd = 1.0

    def sample(self, m):
        dw = torch.randn(m, self.n, self.d) * self.dt ** .5
        x = torch.cat([torch.zeros(m, 1, self.d), torch.cumsum(2 ** .5 * dw, 1)], 1)
        return dw, x

    def f(self, z):
        return -self.lambd * (z ** 2).sum(1, keepdim=True) / 2

    def g(self, x):
        return torch.log((1 + (x ** 2).sum(1, keepdim=True)) / 2)

    def reference(self, n=200000):
        w = 2 ** .5 * self.T ** .5 * torch.randn(n, self.d)
        return (-torch.log(torch.exp(-self.lambd * self.g(w)).mean()) / self.lambd).item()


class SubNet(nn.Module):
    def __init__(self, d):
        super().__init__()
        h = d + 10
        self.body = nn.Sequential(nn.BatchNorm1d(d, eps=1e-6), nn.Linear(d, h, bias=False), nn.BatchNorm1d(h, eps=1e-6), nn.ReLU(),
                                  nn.Linear(h, d))

    def forward(self, x):
        return self.body(x) / x.shape[1]


class DeepBSDE(nn.Module):
    def __init__(self, eq, y_init):
        super().__init__()
        self.eq = eq
        self.y0 = nn.Parameter(torch.tensor([y_init]))
        self.z0 = nn.Parameter(torch.empty(1, eq.d).uniform_(-.1, .1))
        self.nets = nn.ModuleList([SubNet(eq.d) for _ in range(eq.n - 1)])

    def forward(self, dw, x):
        one = torch.ones(len(dw), 1)
        y, z = one * self.y0, one * self.z0
        for t in range(self.eq.n - 1):
            y = y - self.eq.dt * self.eq.f(z) + (z * dw[:, t]).sum(1, keepdim=True)
            z = self.nets[t](x[:, t + 1])
        return y - self.eq.dt * self.eq.f(z) + (z * dw[:, -1]).sum(1, keepdim=True)


eq = HJB(config)
model = DeepBSDE(eq, config["y_init"])
loss_fn = nn.SmoothL1Loss(beta=50.)          # the paper's clipped square; quadratic below 50, i.e. always here (values are (error^2)/100)
opt = torch.optim.Adam([{"params": [model.y0], "lr": 3 * config["lr"]},
                        {"params": [model.z0, *model.nets.parameters()], "lr": config["lr"]}])
sched = torch.optim.lr_scheduler.MultiStepLR(opt, [250, 380], .2)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, loss_fn)
dw_v, x_v = eq.sample(512)
ref = eq.reference()
hist = []
for it in range(config["num_iterations"]):
    model.train()
    dw, x = eq.sample(config["batch_size"])
    loss = loss_fn(model(dw, x), eq.g(x[:, -1]))
    opt.zero_grad()
    loss.backward()
    opt.step()
    sched.step()
    hist.append(loss.item())
    if it % 100 == 0 or it == config["num_iterations"] - 1:
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            v = loss_fn(model(dw_v, x_v), eq.g(x_v[:, -1])).item()
        print(f"{it:4d} loss {np.mean(hist[-50:]):.5f} val {v:.5f}  y0 {model.y0.item():.4f}  (Monte Carlo {ref:.4f})")
writer.close()
print(f"RESULT train {np.mean(hist[-50:]):.6f} val {v:.6f} y0 {model.y0.item():.4f} reference {ref:.4f}")
