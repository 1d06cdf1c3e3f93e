# SchNet-like energy regression (atomistic-machine-learning/schnetpack, PyG qm9 examples), small clusters with a pair potential
import sys, math
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0)

Z, NA = 4, 9
def molecules(n):
    g = torch.Generator().manual_seed(n)
    z = torch.randint(0, Z, (n, NA), generator=g); size = torch.randint(5, NA + 1, (n,), generator=g)
    mask = torch.arange(NA)[None] < size[:, None]
    pos = torch.randn(n, NA, 3, generator=g) * 1.1
    for _ in range(25):                                              # push atoms apart
        d = pos[:, :, None] - pos[:, None]; r = d.norm(dim=3).clamp(min=.05)
        f = (1.3 - r).clamp(min=0) * mask[:, None] * mask[:, :, None]
        pos = pos + .25 * (d / r[..., None] * f[..., None]).sum(2)
    return z, pos, mask
rad = torch.tensor([1.1, 1.3, 1.5, 1.7]); eps = torch.tensor([.4, .8, .6, 1.2]); self_e = torch.tensor([-.5, -3.8, -5.5, -7.5])
def energy(z, pos, mask):
    r = (pos[:, :, None] - pos[:, None]).norm(dim=3) + 10 * torch.eye(NA)
    s = (rad[z][:, :, None] + rad[z][:, None]) / 2; e = (eps[z][:, :, None] * eps[z][:, None]).sqrt()
    pair = e * ((1 - torch.exp(-1.6 * (r - s))) ** 2 - 1).clamp(max=3)
    mm = (mask[:, :, None] & mask[:, None]).float()
    return (self_e[z] * mask).sum(1) + .5 * (pair * mm).sum((1, 2)) + .1 * torch.randn(len(z))

class ssp(nn.Module):
    def forward(self, x): return F.softplus(x) - math.log(2)
class Interaction(nn.Module):
    def __init__(self, d, n_rbf):
        super().__init__()
        self.filt = nn.Sequential(nn.Linear(n_rbf, d), ssp(), nn.Linear(d, d))
        self.in2f = nn.Linear(d, d, bias=False); self.f2out = nn.Sequential(nn.Linear(d, d), ssp(), nn.Linear(d, d))
    def forward(self, x, rbf, cut):
        W = self.filt(rbf) * cut[..., None]
        return x + self.f2out((W * self.in2f(x)[:, None]).sum(2))
class SchNet(nn.Module):
    def __init__(self, d=32, n_rbf=16, n_int=2, cutoff=5., mean=0., stddev=1.):
        super().__init__()
        self.emb = nn.Embedding(Z, d); self.inter = nn.ModuleList([Interaction(d, n_rbf) for _ in range(n_int)])
        self.out = nn.Sequential(nn.Linear(d, d // 2), ssp(), nn.Linear(d // 2, 1))
        self.atomref = nn.Embedding(Z, 1)
        self.register_buffer('mu', torch.linspace(0, cutoff, n_rbf)); self.cutoff, self.stddev = cutoff, stddev
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight)
                if m.bias is not None: nn.init.zeros_(m.bias)
    def forward(self, z, pos, mask):
        r = (pos[:, :, None] - pos[:, None]).norm(dim=3)
        rbf = torch.exp(-10 * .5 * (r[..., None] - self.mu) ** 2)
        ok = (mask[:, :, None] & mask[:, None] & ~torch.eye(NA, dtype=torch.bool)) & (r < self.cutoff)
        cut = .5 * (torch.cos(r * math.pi / self.cutoff) + 1) * ok
        x = self.emb(z)
        for i in self.inter: x = i(x, rbf, cut)
        return ((self.out(x)[..., 0] + self.atomref(z)[..., 0]) * mask).sum(1)

tz, tp, tm = molecules(2000); vz, vp, vm = molecules(401)
ty, vy = energy(tz, tp, tm), energy(vz, vp, vm)
# remove atom references by least squares and standardise, as schnetpack does
C = lambda z, m: torch.stack([((z == k) & m).sum(1).float() for k in range(Z)], 1)
ref = torch.linalg.lstsq(C(tz, tm), ty[:, None]).solution
ty, vy = ty - (C(tz, tm) @ ref)[:, 0], vy - (C(vz, vm) @ ref)[:, 0]
std = ty.std(); ty, vy = ty / std, vy / std

model = SchNet()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=2)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[1]); writer.watch(model, optimizer, mse)
for epoch in range(18):
    model.train(); s = 0
    for b in torch.randperm(2000).split(32):
        loss = mse(model(tz[b], tp[b], tm[b]), ty[b])
        optimizer.zero_grad(); loss.backward(); optimizer.step(); s += loss.item() * len(b) / 2000
    with writer.evaluating("val"):
        pred = model(vz, vp, vm); vl = mse(pred, vy).item()
    scheduler.step(vl)
    print(f'{epoch} train {s:.5f} val {vl:.5f} mae {(pred - vy).abs().mean() * std:.4f}')
writer.close()
print(f'RESULT train {s:.5f} val {vl:.5f} noise {(0.1 / std) ** 2:.5f}')
