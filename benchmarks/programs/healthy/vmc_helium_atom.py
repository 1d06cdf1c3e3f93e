"""Variational Monte Carlo for the helium ground state.

log|psi| = -Z_eff-like exponential + Jastrow + small symmetric neural correction.
The gradient of the energy is 2 E[(E_L - <E_L>) grad log psi]; the scalar that is differentiated ("surrogate")
is not the energy and hovers about zero, so the energy itself is reported as the loss.  Exact: -2.9037 hartree."""
import sys
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2)
torch.set_default_dtype(torch.float64)
LOGDIR = sys.argv[1]
WALKERS, STEPS, MCMC_STEPS = 192, 500, 6


class Psi(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.zeta = nn.Parameter(torch.tensor(2.0))       # bare nuclear charge, deliberately unscreened
        self.beta = nn.Parameter(torch.tensor(1.0))
        self.net = nn.Sequential(nn.Linear(3, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))
        nn.init.zeros_(self.net[-1].weight)               # starts as the textbook wave function
        nn.init.zeros_(self.net[-1].bias)

    def forward(self, r):                                 # r: (walkers, 6)
        a, b = r[:, :3], r[:, 3:]
        ra, rb, rab = a.norm(dim=1), b.norm(dim=1), (a - b).norm(dim=1)
        jastrow = .5 * rab / (1 + self.beta.abs() * rab)
        f = torch.stack([ra * ra / (1 + ra) + rb * rb / (1 + rb), (ra - rb) ** 2 / (1 + ra + rb), rab ** 2 / (1 + rab)], 1)
        return -self.zeta * (ra + rb) + jastrow + self.net(f).squeeze(1) * .5


def local_energy(psi, r):
    r = r.detach().requires_grad_(True)
    logp = psi(r)
    g, = torch.autograd.grad(logp.sum(), r, create_graph=True)
    lap = 0
    for i in range(6):
        h, = torch.autograd.grad(g[:, i].sum(), r, retain_graph=True)
        lap = lap + h[:, i]
    a, b = r[:, :3], r[:, 3:]
    pot = -2 / a.norm(dim=1) - 2 / b.norm(dim=1) + 1 / (a - b).norm(dim=1)
    return (-.5 * (lap + (g ** 2).sum(1)) + pot).detach()


@torch.no_grad()
def metropolis(psi, r, n, step):
    lp = psi(r)
    acc = 0.
    for _ in range(n):
        q = r + step * torch.randn_like(r)
        lq = psi(q)
        ok = torch.rand(len(r)) < torch.exp(2 * (lq - lp))
        r = torch.where(ok[:, None], q, r)
        lp = torch.where(ok, lq, lp)
        acc += ok.double().mean().item() / n
    return r, acc


psi = Psi()
opt = torch.optim.Adam(psi.parameters(), lr=1e-2)
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda t: 1 / (1 + t / 150))
writer = DiagWriter(LOGDIR)
writer.watch(psi, opt)
walk = torch.randn(WALKERS, 6) * .6
walk, _ = metropolis(psi, walk, 100, .35)
avg = None
for it in range(STEPS):
    walk, acc = metropolis(psi, walk, MCMC_STEPS, .35)
    e_loc = local_energy(psi, walk)
    med = e_loc.median()
    dev = (e_loc - med).abs().mean()
    e_clip = e_loc.clamp(med - 5 * dev, med + 5 * dev)
    energy = e_clip.mean()
    surrogate = 2 * ((e_clip - energy) * psi(walk)).mean()
    opt.zero_grad()
    surrogate.backward()
    opt.step()
    sched.step()
    writer.add_loss("train", energy)
    avg = energy.item() if avg is None else .97 * avg + .03 * energy.item()
    if it % 50 == 0:
        print(f"{it:4d}  E {energy.item():.4f}  smooth {avg:.4f}  var {e_loc.var().item():.4f}  acc {acc:.2f}  zeta {psi.zeta.item():.3f}")

es = []
for _ in range(60):
    walk, _ = metropolis(psi, walk, 10, .35)
    es.append(local_energy(psi, walk).mean().item())
es = torch.tensor(es)
writer.close()
print(f"RESULT energy {es.mean():.4f} +- {es.std() / len(es) ** .5:.4f} (exact -2.9037)")
