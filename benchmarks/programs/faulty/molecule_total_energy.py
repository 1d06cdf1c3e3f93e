"""SchNet-like network for total energies U0 of small organic molecules (QM9 style, eV)."""
import argparse
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument("form")
parser.add_argument("logdir")
parser.add_argument("--epochs", type=int, default=16)
parser.add_argument("--batch_size", type=int, default=32)
parser.add_argument("--lr", type=float, default=2e-3)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(0)
MAXN = 9
ELEM = np.array([-16.5, -1036.0, -1489.0, -2043.0])               # isolated atoms H, C, N, O in eV
rng = np.random.default_rng(17)


def molecule():
    n = rng.integers(5, MAXN + 1)
    z = rng.choice(4, n, p=[0.3, 0.42, 0.12, 0.16])
    pos = np.zeros((n, 3))
    for i in range(1, n):                                          # grow a random, slightly repelling tree
        for _ in range(20):
            p = pos[rng.integers(0, i)] + rng.normal(size=3) * 0.8
            d = np.linalg.norm(pos[:i] - p, axis=1)
            if d.min() > 0.95:
                break
        pos[i] = p
    d = np.linalg.norm(pos[:, None] - pos[None], axis=-1) + np.eye(n) * 9
    r0 = 1.1 + 0.12 * (z[:, None] + z[None]) / 2
    depth = 1.6 + 0.5 * np.sqrt(np.outer(z, z))
    pair = depth * ((1 - np.exp(-1.6 * (d - r0))) ** 2 - 1)
    e = ELEM[z].sum() + 0.5 * np.clip(pair, -6, 6).sum() + rng.normal(0, 0.2)
    zz, dd = np.zeros(MAXN, int), np.full((MAXN, MAXN), 20.0)
    zz[:n] = z + 1
    dd[:n, :n] = d
    return zz, dd, e


mols = [molecule() for _ in range(3600)]
Z = torch.tensor(np.stack([m[0] for m in mols]))
D = torch.tensor(np.stack([m[1] for m in mols]), dtype=torch.float32)
E = torch.tensor(np.array([m[2] for m in mols]), dtype=torch.float32)
ntr = 3000
if args.form == "faulty":
    target, back = E, lambda e: e
else:
    # subtract single atom references (least squares), then standardise
    counts = torch.stack([(Z == k).sum(1) for k in range(1, 5)], 1).float()
    ref = torch.linalg.lstsq(counts[:ntr], E[:ntr, None]).solution[:, 0]
    resid = E - counts @ ref
    m, s = resid[:ntr].mean(), resid[:ntr].std()
    target = (resid - m) / s
    offset = counts @ ref


class Interaction(nn.Module):
    def __init__(self, f, g):
        super().__init__()
        self.filter = nn.Sequential(nn.Linear(g, f), nn.SiLU(), nn.Linear(f, f))
        self.inp, self.out = nn.Linear(f, f, bias=False), nn.Sequential(nn.Linear(f, f), nn.SiLU(), nn.Linear(f, f))

    def forward(self, x, rbf, cut):
        W = self.filter(rbf) * cut[..., None]
        return x + self.out((W * self.inp(x)[:, None]).sum(2))


class SchNet(nn.Module):
    def __init__(self, f=24, g=16):
        super().__init__()
        self.emb = nn.Embedding(5, f, padding_idx=0)
        self.mu = nn.Parameter(torch.linspace(0.5, 5, g), requires_grad=False)
        self.blocks = nn.ModuleList([Interaction(f, g) for _ in range(2)])
        self.read = nn.Sequential(nn.Linear(f, f), nn.SiLU(), nn.Linear(f, 1))

    def forward(self, z, d):
        rbf = torch.exp(-8 * (d[..., None] - self.mu) ** 2)
        cut = (d < 5).float() * 0.5 * (torch.cos(torch.pi * d / 5) + 1)
        x = self.emb(z)
        for b in self.blocks:
            x = b(x, rbf, cut)
        return (self.read(x)[..., 0] * (z > 0)).sum(1)


net = SchNet()
mse = nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=args.lr)
sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.85)
writer = DiagWriter(args.logdir)
writer.watch(net, opt, mse)
for ep in range(args.epochs):
    net.train()
    acc = []
    for i in torch.randperm(ntr).split(args.batch_size):
        opt.zero_grad()
        loss = mse(net(Z[i], D[i]), target[i])
        loss.backward()
        opt.step()
        acc.append(loss.item())
    sched.step()
    net.eval()
    with writer.evaluating("val"), torch.no_grad():
        p = net(Z[ntr:], D[ntr:])
        v = mse(p, target[ntr:]).item()
    pe = p if args.form == "faulty" else p * s + m + offset[ntr:]
    mae = (pe - E[ntr:]).abs().mean().item()
    print(f"epoch {ep}: loss {np.mean(acc):.5g}  val {v:.5g}  val MAE {mae:.3f} eV")
writer.close()
print(f"RESULT val_loss={v:.5g} val_mae_eV={mae:.4f} val_r2={1 - v / target[ntr:].var().item():.4f}")
