"""Interatomic potential: small distance-based GNN with energies and forces, F = -dE/dx (create_graph=True).

Loss = w_E * MSE(E per atom) + w_F * MSE(F) with weights 0.1 and 1 as usual, energies after subtraction of per-element
reference energies.  Evaluation needs gradients too, hence no torch.no_grad() there.
"""
import sys
import math
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.manual_seed(17)
torch.set_num_threads(1)

N_ATOMS, CUT = 7, 3.2


def teacher_energy(pos, z):
    """soft Lennard-Jones-like pairs plus an angle-ish three-body term"""
    d = (pos[:, :, None] - pos[:, None]).pow(2).sum(-1) + torch.eye(pos.shape[1])
    r = d.sqrt()
    sig = 1.0 + 0.15 * (z[:, :, None] + z[:, None])
    off = 1 - torch.eye(pos.shape[1])
    pair = 0.5 * (((sig / r) ** 4 - 2 * (sig / r) ** 2) * off).sum((1, 2))
    dens = (torch.exp(-(r - sig) ** 2 / 0.3) * off).sum(2)
    return 0.6 * pair - 1.2 * dens.sqrt().sum(1) + 0.4 * z.sum(1)


def dataset(n):
    grid = torch.tensor([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]]).float() * 1.25
    pos = grid + 0.08 * torch.randn(n, N_ATOMS, 3)
    q, _ = torch.linalg.qr(torch.randn(n, 3, 3))
    pos = pos @ q
    z = (torch.rand(n, N_ATOMS) < 0.4).float()
    pos.requires_grad_()
    E = teacher_energy(pos, z)
    F = -torch.autograd.grad(E.sum(), pos)[0]
    # SCF noise of the "reference calculation"
    return pos.detach(), z, (E + 0.02 * torch.randn(n)).detach(), F + 0.05 * torch.randn_like(F)


class RBF(nn.Module):
    def __init__(self, k=16):
        super().__init__()
        self.register_buffer("mu", torch.linspace(0.5, CUT, k))
        self.gamma = 12.0

    def forward(self, r):
        fc = 0.5 * (torch.cos(math.pi * r / CUT) + 1) * (r < CUT)
        return torch.exp(-self.gamma * (r[..., None] - self.mu) ** 2) * fc[..., None]


class Interaction(nn.Module):
    def __init__(self, h, k):
        super().__init__()
        self.filt = nn.Sequential(nn.Linear(k, h), nn.SiLU(), nn.Linear(h, h))
        self.lin = nn.Linear(h, h, bias=False)
        self.upd = nn.Sequential(nn.Linear(h, h), nn.SiLU(), nn.Linear(h, h))

    def forward(self, x, e, off):
        w = self.filt(e) * off[..., None]
        return x + self.upd((w * self.lin(x)[:, None]).sum(2))


class Potential(nn.Module):
    def __init__(self, h=32, k=16, layers=2):
        super().__init__()
        self.emb = nn.Embedding(2, h)
        self.rbf = RBF(k)
        self.layers = nn.ModuleList(Interaction(h, k) for _ in range(layers))
        self.readout = nn.Sequential(nn.Linear(h, h), nn.SiLU(), nn.Linear(h, 1))
        self.ref = nn.Parameter(torch.zeros(2), requires_grad=False)        # set by least squares

    def forward(self, pos, z):
        pos = pos.detach().requires_grad_()
        off = 1 - torch.eye(pos.shape[1])
        r = ((pos[:, :, None] - pos[:, None]).pow(2).sum(-1) + torch.eye(pos.shape[1])).sqrt()
        e = self.rbf(r)
        x = self.emb(z.long())
        for l in self.layers:
            x = l(x, e, off)
        E = self.readout(x).sum((1, 2)) + self.ref[z.long()].sum(1)
        F = -torch.autograd.grad(E.sum(), pos, create_graph=self.training)[0]
        return E, F


def energy_force_loss(pred, E, F, w_e=0.1, w_f=1.0):
    return w_e * ((pred[0] - E) / N_ATOMS).pow(2).mean() + w_f * (pred[1] - F).pow(2).mean()


train, valid = dataset(700), dataset(200)
model = Potential()
A = torch.stack([N_ATOMS - train[1].sum(1), train[1].sum(1)], 1)
model.ref.data = torch.linalg.lstsq(A, train[2][:, None]).solution[:, 0]
optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=5e-3)
EPOCHS = 16
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS, eta_min=5e-5)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, energy_force_loss)

for epoch in range(EPOCHS):
    model.train()
    tl = 0.
    for b in torch.randperm(700).split(20):
        pos, z, E, F = (t[b] for t in train)
        loss = writer.loss_fn(model(pos, z), E, F)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.)
        optimizer.step()
        tl += loss.item() * len(b) / 700
    sched.step()
    model.eval()
    with writer.evaluating("val"):
        with torch.enable_grad():
            E, F = model(valid[0], valid[1])
        vl = writer.loss_fn((E.detach(), F.detach()), valid[2], valid[3]).item()
    f_mae = (F.detach() - valid[3]).abs().mean().item()
    e_mae = ((E.detach() - valid[2]) / N_ATOMS).abs().mean().item()
    if epoch % 4 == 0:
        print(f"{epoch:3d} train {tl:.5f} val {vl:.5f} | E/atom MAE {e_mae:.4f} F MAE {f_mae:.4f}")
writer.close()
print(f"RESULT val_loss={vl:.5f} train={tl:.5f} e_mae={e_mae:.4f} f_mae={f_mae:.4f} f_std={valid[3].std():.3f} f_noise=0.05")
