"""Three expectiles (10 %, 50 %, 90 %) of log wages by schooling and experience (simulated, Mincer-type with growing spread)."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(8)
rng = np.random.default_rng(8)
TAUS = torch.tensor([0.1, 0.5, 0.9])


def wages(n):
    edu = rng.integers(8, 21, n)
    exp = rng.uniform(0, 40, n)
    woman = rng.integers(0, 2, n)
    mean = 1.1 + 0.08 * edu + 0.045 * exp - 0.0007 * exp ** 2 - 0.12 * woman
    sd = 0.15 + 0.01 * exp + 0.012 * (edu - 8)
    noise = rng.standard_normal(n)
    X = np.c_[(edu - 14) / 3.7, (exp - 20) / 11.5, woman * 2 - 1].astype("float32")
    return torch.tensor(X), torch.tensor(mean + sd * noise).float(), torch.tensor(mean).float(), torch.tensor(sd).float()


def expectile_loss(pred, y):
    e = y.unsqueeze(1) - pred
    return (torch.abs(TAUS - (e < 0).float()) * e.pow(2)).mean()


class Expectiles(nn.Module):
    """middle expectile plus two positive gaps, so they cannot cross"""

    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(3, 32), nn.SiLU(), nn.Linear(32, 32), nn.SiLU(), nn.Linear(32, 3))

    def forward(self, x):
        lo, mid, hi = self.f(x).unbind(1)
        sp = nn.functional.softplus
        return torch.stack([mid - sp(lo), mid, mid + sp(hi)], 1)


Xtr, ytr, _, _ = wages(6000)
Xva, yva, mva, sva = wages(3000)
loader = DataLoader(TensorDataset(Xtr, ytr), batch_size=128, shuffle=True, drop_last=True)
net = Expectiles()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
EPOCHS = 12
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, expectile_loss)
for ep in range(EPOCHS):
    net.train()
    for x, y in loader:
        opt.zero_grad()
        loss = writer.loss_fn(net(x), y)
        loss.backward()
        opt.step()
    sched.step()
    net.eval()
    with writer.evaluating("val"):
        v = writer.loss_fn(net(Xva), yva).item()
    print(ep, f"{loss.item():.4f} {v:.4f}")

# expectiles of a standard normal, by bisection on a big sample
z = torch.tensor(np.random.default_rng(0).standard_normal(400000)).float()


def norm_expectile(t):
    lo, hi = -3.0, 3.0
    for _ in range(40):
        m = (lo + hi) / 2
        g = (torch.where(z > m, t, 1 - t) * (z - m)).mean()
        lo, hi = (m, hi) if g > 0 else (lo, m)
    return m


ideal = torch.stack([mva + sva * norm_expectile(float(t)) for t in TAUS], 1)
writer.close()
print(f"RESULT val {v:.5f} ideal {expectile_loss(ideal, yva).item():.5f} below_mid {(yva < net(Xva)[:, 1]).float().mean().item():.3f}")
