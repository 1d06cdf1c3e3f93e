"""EDM style preconditioned denoiser (Karras 2022) with EMA on a two-dimensional S curve."""
import copy, sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import make_s_curve
from tb_lossdiag import DiagWriter

SIG = 0.5


class Precond(nn.Module):
    def __init__(self, h=96):
        super().__init__()
        self.F = nn.Sequential(nn.Linear(3, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, 2))
        nn.init.zeros_(self.F[-1].weight); nn.init.zeros_(self.F[-1].bias)

    def forward(self, x, sigma):
        d = sigma ** 2 + SIG ** 2
        cs, co, ci, cn = SIG ** 2 / d, sigma * SIG / d.sqrt(), 1 / d.sqrt(), sigma.log() / 4
        return cs * x + co * self.F(torch.cat([ci * x, cn], 1))


def edm_loss(net, y, gen=None):
    sigma = (torch.randn(len(y), 1, generator=gen) * 1.2 - 1.2).exp()
    n = torch.randn(y.shape, generator=gen) * sigma
    wt = (sigma ** 2 + SIG ** 2) / (sigma * SIG) ** 2
    return (wt * (net(y + n, sigma) - y) ** 2).mean()


def ideal(ref):
    def D(x, sigma):
        d2 = ((x[:, None] - ref[None]) ** 2).sum(-1) / (2 * sigma ** 2)
        return (-d2).softmax(1) @ ref
    return D


@torch.no_grad()
def heun_sampler(net, n, steps=18, smin=.004, smax=20., rho=7):
    i = torch.arange(steps) / (steps - 1)
    t = (smax ** (1 / rho) + i * (smin ** (1 / rho) - smax ** (1 / rho))) ** rho
    t = torch.cat([t, torch.zeros(1)])
    x = torch.randn(n, 2) * smax
    for a, b in zip(t[:-1], t[1:]):
        d = (x - net(x, a.expand(n, 1))) / a
        nx = x + (b - a) * d
        if b > 0:
            d2 = (nx - net(nx, b.expand(n, 1))) / b
            nx = x + (b - a) * (d + d2) / 2
        x = nx
    return x


def main(logdir):
    torch.manual_seed(0); torch.set_num_threads(1)
    P, _ = make_s_curve(8000, noise=.03, random_state=0)
    Y = torch.tensor(P[:, [0, 2]], dtype=torch.float32); Y = (Y - Y.mean(0)) / Y.std(0) * SIG
    Y, V = Y[:6000], Y[6000:]
    net = Precond(); ema = copy.deepcopy(net)
    opt = torch.optim.Adam(net.parameters(), lr=2e-3, betas=(.9, .99))
    writer = DiagWriter(logdir); writer.watch(net, opt)
    steps = 4000
    for k in range(steps):
        for gpar in opt.param_groups: gpar["lr"] = gpar.setdefault("initial_lr", gpar["lr"]) * min(1, (k + 1) / 200) * (1 if k < 2500 else .3)
        loss = edm_loss(net, Y[torch.randint(len(Y), (256,))])
        opt.zero_grad(); loss.backward(); opt.step()
        with torch.no_grad():
            for a, b in zip(ema.parameters(), net.parameters()): a.lerp_(b, 0.005)
        if k % 250 == 249:
            with writer.evaluating("val"):
                v = edm_loss(net, V.repeat(8, 1), torch.Generator().manual_seed(1)).item()
            writer.add_loss("val", v)
            print(k + 1, round(loss.item(), 4), round(v, 4))
    writer.close()
    e = edm_loss(ema, V.repeat(8, 1), torch.Generator().manual_seed(1)).item()
    best = np.mean([edm_loss(ideal(Y[:3000]), V, torch.Generator().manual_seed(j)).item() for j in range(3)])
    s = heun_sampler(ema, 1000)
    print("RESULT val_loss", round(v, 4), "ema_val", round(e, 4), "kernel_denoiser_of_training_points", round(float(best), 4),
          "sample_to_curve", round(torch.cdist(s, Y).min(1)[0].mean().item(), 4), "heldout_to_curve", round(torch.cdist(V, Y).min(1)[0].mean().item(), 4))


main(sys.argv[1])
