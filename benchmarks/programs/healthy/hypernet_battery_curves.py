"""Hypernetwork: from three numbers about a cell (age, temperature, C-rate) make the weights of a tiny net V(state of charge).

Only the hypernetwork has parameters; the main net's weights are its outputs, and its last layer starts at a hundredth of the usual
size (bias takes the role of an ordinary initialisation).
"""
import sys
import torch
from torch import nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(9)

H = 12
SHAPES = [(H, 1), (H,), (H, H), (H,), (1, H), (1,)]
SIZES = [int(torch.tensor(s).prod()) for s in SHAPES]


class HyperNet(nn.Module):
    def __init__(self, n_cond=3, width=48):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(n_cond, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.out = nn.Linear(width, sum(SIZES))
        with torch.no_grad():
            self.out.weight.mul_(0.01)
            parts = []
            for s in SHAPES:
                fan = s[1] if len(s) == 2 else 12
                parts.append(torch.randn(s).flatten() * ((1.0 / fan) ** 0.5 if len(s) == 2 else 0.3))
            self.out.bias.copy_(torch.cat(parts))

    def forward(self, cond, soc):                     # (B, 3), (B, P)
        w = self.out(self.trunk(cond)).split(SIZES, dim=1)
        w = [a.view(-1, *s) for a, s in zip(w, SHAPES)]
        x = (soc * 2 - 1)[..., None]
        x = torch.tanh(torch.einsum("bpi,boi->bpo", x * 3, w[0]) + w[1][:, None])
        x = torch.tanh(torch.einsum("bpi,boi->bpo", x, w[2]) + w[3][:, None])
        return (torch.einsum("bpi,boi->bpo", x, w[4]) + w[5][:, None]).squeeze(-1)


def cells(n, points=24):
    cond = torch.rand(n, 3) * 2 - 1
    soc = torch.rand(n, points)
    age, temp, rate = [(c + 1)[:, None] / 2 for c in cond.T]
    q = soc * (1 - 0.25 * age)
    v = 3.3 + 0.5 * q + 0.25 * torch.tanh((q - 0.9) * 9) + 0.35 * torch.tanh((q - 0.03) * 14) + 0.06 * torch.sin(6 * q)
    v = v - (0.05 + 0.25 * rate * (1 + age) * torch.exp(-1.2 * temp)) * (1 + 0.4 * (1 - soc) ** 3)
    v = v + 0.02 * torch.randn(n, 1) + 0.015 * torch.randn(n, points)        # cell to cell spread, sensor noise
    return cond, soc, (v - 3.6) / 0.3


c, s, v = cells(1500)
cv, sv, vv = cells(500)
hyper = HyperNet()
loss_fn = nn.SmoothL1Loss(beta=0.1)
opt = torch.optim.Adam(hyper.parameters(), lr=2e-3)
lr_plan = torch.optim.lr_scheduler.MultiStepLR(opt, [15, 21], gamma=0.2)

w = DiagWriter(sys.argv[1])
w.watch(hyper, opt, loss_fn)
for epoch in range(24):
    total = 0.0
    for k in torch.randperm(len(c)).split(50):
        opt.zero_grad()
        loss = loss_fn(hyper(c[k], s[k]), v[k])
        loss.backward()
        opt.step()
        total += loss.item() * len(k) / len(c)
    lr_plan.step()
    with torch.no_grad(), w.evaluating("val"):
        p = hyper(cv, sv)
        val = loss_fn(p, vv).item()
    if epoch % 6 == 5:
        print(f"epoch {epoch+1}: train {total:.5f} val {val:.5f} rmse {((p - vv) ** 2).mean().sqrt().item() * 300:.1f} mV")
w.close()
print(f"RESULT val_loss={val:.5f} train={total:.5f} rmse_mV={((p - vv) ** 2).mean().sqrt().item() * 300:.2f} noise_mV=25.0")
