# Soil moisture from reflectance spectra.
# Rprop: the whole data set in one batch, every weight has its own step size that grows by 1.2 while the sign of its
# gradient stays and halves when it flips. There is no learning rate to speak of, lr is only where the steps start.
import sys
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(31)


def field(n):
    moisture, clay, organic = torch.rand(n), torch.rand(n), torch.rand(n) ** 2
    wl = torch.linspace(0.4, 2.4, 24)
    base = 0.25 + 0.18 * wl / 2.4
    refl = base * (1 - 0.5 * organic[:, None] * torch.exp(-wl)) * torch.exp(-1.1 * moisture[:, None] * (0.4 + 0.5 * torch.exp(-((wl - 1.45) / 0.12) ** 2) + torch.exp(-((wl - 1.94) / 0.13) ** 2)))
    refl = refl - 0.06 * clay[:, None] * torch.exp(-((wl - 2.2) / 0.05) ** 2)
    refl = refl * (1 + 0.1 * torch.randn(n, 1)) + 0.004 * torch.randn(n, 24)
    # percent by volume, probe error 1 %
    return refl, 40 * moisture + 1.0 * torch.randn(n)


x, y = field(20000)
xv, yv = field(2000)
mu, sd = x.mean(0), x.std(0)
x, xv = (x - mu) / sd, (xv - mu) / sd
ym, ys = y.mean(), y.std()
print('calibration samples %d, bands %d, moisture %.1f +- %.1f %%vol, probe error 1.0' % (*x.shape, ym, ys))


def rmse(a, b):
    return ((a - b) ** 2).mean().sqrt().item()


net = nn.Sequential(nn.Linear(24, 16), nn.Tanh(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 1))
opt = torch.optim.Rprop(net.parameters(), lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 1.0))
mse = nn.MSELoss()
w = DiagWriter(sys.argv[1])
w.watch(net, opt, mse)
target = ((y - ym) / ys)[:, None]
for it in range(901):
    opt.zero_grad()
    loss = mse(net(x), target)
    loss.backward()
    opt.step()
    if it % 100 == 0:
        with torch.no_grad():
            p, pv = net(x)[:, 0] * ys + ym, net(xv)[:, 0] * ys + ym
        steps = torch.cat([opt.state[q]['step_size'].flatten() for q in net.parameters()])
        print('iter %4d  train rmse %.3f  val rmse %.3f %%vol  val mse %.4f  median step %.1e' % (it, rmse(p, y), rmse(pv, yv), rmse(pv, yv) ** 2, steps.median()))

with torch.no_grad():
    pv = net(xv)[:, 0] * ys + ym
for lo in range(0, 40, 10):                                       # calibration table
    m = (yv >= lo) & (yv < lo + 10)
    print('  %2d-%2d %%vol: bias %+.2f  rmse %.2f' % (lo, lo + 10, (pv[m] - yv[m]).mean(), rmse(pv[m], yv[m])))
w.close()
