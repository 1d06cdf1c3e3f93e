"""MINE (Belghazi et al. 2018): estimate I(X;Y) of correlated Gaussians; the loss is minus the Donsker-Varadhan bound with the EMA corrected gradient, so it falls from 0 to a negative value"""
import sys
import math
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(18)
DIM, RHO = 4, .7
TRUE_MI = -.5 * DIM * math.log(1 - RHO ** 2)


def batch(n):
    x = torch.randn(n, DIM)
    return x, RHO * x + math.sqrt(1 - RHO ** 2) * torch.randn(n, DIM)


class T(nn.Module):
    def __init__(self, h=96):
        super().__init__()
        self.fx, self.fy = nn.Linear(DIM, h), nn.Linear(DIM, h, bias=False)
        self.top = nn.Sequential(nn.ELU(), nn.Linear(h, h), nn.ELU(), nn.Linear(h, 1))

    def forward(self, x, y):
        return self.top(self.fx(x) + self.fy(y)).squeeze(1)


stat = T()
opt = torch.optim.Adam(stat.parameters(), lr=1e-3)
w = DiagWriter(sys.argv[1])
w.watch(stat, opt)
ema, est = None, []
for it in range(1, 2501):
    x, y = batch(256)
    t = stat(x, y)
    et = torch.exp(stat(x, y[torch.randperm(len(y))]))
    m = et.mean()
    ema = m.detach() if ema is None else .99 * ema + .01 * m.detach()
    loss = -(t.mean() - m / ema)               # unbiased gradient
    bound = t.mean() - torch.log(m)
    opt.zero_grad()
    loss.backward()
    opt.step()
    w.add_loss("train", -bound.item())
    est.append(bound.item())
    if it % 250 == 0:
        print(f"{it} MI estimate {sum(est[-250:]) / 250:.4f} true {TRUE_MI:.4f}")
with torch.no_grad():
    x, y = batch(20000)
    final = (stat(x, y).mean() - torch.log(torch.exp(stat(x, y[torch.randperm(20000)])).mean())).item()
w.close()
print(f"RESULT fresh_estimate={final:.4f} true={TRUE_MI:.4f}")
