import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.linear_model import LinearRegression
from tb_lossdiag import DiagWriter

torch.manual_seed(4)
np.random.seed(4)
torch.set_num_threads(1)


class ICNN(nn.Module):
    """Fully input convex network: z-weights are kept non-negative after each update."""

    def __init__(self, n_in, hidden=(64, 64)):
        super().__init__()
        self.Wy = nn.ModuleList([nn.Linear(n_in, h) for h in (*hidden, 1)])
        self.Wz = nn.ModuleList([nn.Linear(a, b, bias=False) for a, b in zip(hidden, (*hidden[1:], 1))])
        for layer in self.Wz:
            nn.init.uniform_(layer.weight, 0.0, 2.0 / layer.weight.shape[1])

    def forward(self, y):
        z = F.softplus(self.Wy[0](y))
        for wy, wz in zip(self.Wy[1:-1], self.Wz[:-1]):
            z = F.softplus(wy(y) + wz(z))
        return (self.Wy[-1](y) + self.Wz[-1](z)).squeeze(-1)

    @torch.no_grad()
    def project(self):
        for layer in self.Wz:
            layer.weight.clamp_(min=0)


def sample(n):
    x = np.random.uniform(-1, 1, (n, 5))
    A = np.array([[1.2, -0.3, 0.2, 0.5, 0], [0.1, 0.9, -0.8, 0, 0.4], [-0.6, 0.2, 0.7, -0.2, 0.9]])
    b = np.array([0.1, -0.3, 0.2])
    f = np.log(np.exp(4 * (x @ A.T + b)).sum(1)) / 2 + 0.8 * np.maximum(0, x[:, 0] + x[:, 3] - 0.4) + 0.5 * (x[:, 1] - x[:, 4]) ** 2
    return torch.tensor(x, dtype=torch.float32), torch.tensor(f + np.random.normal(0, 0.15, n), dtype=torch.float32)


x_tr, y_tr = sample(4000)
x_va, y_va = sample(1000)
ym, ys = y_tr.mean(), y_tr.std()
t_tr, t_va = (y_tr - ym) / ys, (y_va - ym) / ys

f = ICNN(5)
opt = torch.optim.Adam(f.parameters(), lr=2e-2, betas=(0.9, 0.99))
NITER = 4000
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, NITER, eta_min=1e-5)
w = DiagWriter(sys.argv[1])
w.watch(f, opt, F.mse_loss)

for it in range(NITER):
    idx = torch.randint(0, len(x_tr), (64,))
    loss = F.mse_loss(f(x_tr[idx]), t_tr[idx])
    opt.zero_grad()
    loss.backward()
    opt.step()
    f.project()
    sched.step()
    if (it + 1) % 200 == 0:
        with torch.no_grad():
            val = F.mse_loss(f(x_va), t_va)
        w.add_loss("val", val)
        if (it + 1) % 1000 == 0:
            print("iter %d train %.4f val %.4f" % (it + 1, loss.item(), val.item()))

with torch.no_grad():
    rmse = ((f(x_va) * ys + ym - y_va) ** 2).mean().sqrt().item()
    a, b = x_va[:500], x_va[500:]
    mid = f((a + b) / 2)
    violations = (mid > (f(a) + f(b)) / 2 + 1e-5).float().mean().item()
w.close()
lin = LinearRegression().fit(x_tr, y_tr)
lr_rmse = float(np.sqrt(np.mean((lin.predict(x_va) - y_va.numpy()) ** 2)))
print(f"RESULT val_rmse={rmse:.4f} convexity_violations={violations:.4f} linear_rmse={lr_rmse:.4f} noise=0.15")
