"""Training of an energy-per-atom surrogate with checkpoint and resume. The first job ends after a few epochs (queue limit),
the second resumes model, optimizer and scheduler state and goes on to the end."""
import sys, os, tempfile, math
import numpy as np
import torch, torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

FORM, LOG = sys.argv[1:3]
torch.set_num_threads(1); torch.manual_seed(77)
rng = np.random.default_rng(77)
N_FEAT = 20


def fake_clusters(n):
    """symmetry-function like descriptors of 5 atoms, energy = sum of smooth many-body terms + small noise of the reference method"""
    r = rng.uniform(0.9, 2.6, (n, 5, 4))
    centers = np.linspace(0.9, 2.6, N_FEAT // 2)
    g = np.exp(-((r[..., None] - centers) / 0.22) ** 2).sum(2)
    ang = np.exp(-((r[..., :1] * r[..., 1:2])[..., None] - np.linspace(1, 6, N_FEAT // 2)) ** 2 / 0.5)[:, :, 0]
    e = (4 * ((1.1 / r) ** 8 - (1.1 / r) ** 4)).sum(2) + 0.6 * np.cos(2.0 * r[..., 0] * r[..., 1]) * r[..., 2]
    e = np.clip(e, -8, 8).sum(1)
    x = np.concatenate([g, ang], 2).astype(np.float32)
    return torch.tensor(x), torch.tensor(e, dtype=torch.float32)


X, E = fake_clusters(6400)
X = (X - X[:5120].mean((0, 1))) / X[:5120].std((0, 1)); E = (E - E[:5120].mean()) / E[:5120].std()
E = E + 0.03 * torch.randn(len(E))
train_dl = DataLoader(TensorDataset(X[:5120], E[:5120]), batch_size=16, shuffle=True)
Xv, Ev = X[5120:], E[5120:]


class AtomNet(nn.Module):
    def __init__(self, h=48):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(N_FEAT, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, 1))

    def forward(self, x):
        return self.net(x).squeeze(-1).sum(1)


class LitEnergy:
    """the parts that a framework would drive"""

    def __init__(self, max_epochs):
        self.model = AtomNet(); self.max_epochs = max_epochs; self.loss = nn.MSELoss()
        self.configure_optimizers()

    def configure_optimizers(self):
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=2e-2)
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, self.max_epochs, eta_min=1e-5)

    def save(self, path, epoch):
        torch.save({"model": self.model.state_dict(), "opt": self.optimizer.state_dict(), "sched": self.scheduler.state_dict(), "epoch": epoch}, path)

    def resume(self, path):
        ck = torch.load(path, weights_only=False)
        self.model.load_state_dict(ck["model"])
        if FORM == "faulty":
            self.optimizer = torch.optim.Adam(self.model.parameters(), lr=2e-2)      # fresh one to load the state into
            self.optimizer.load_state_dict(ck["opt"])
            self.scheduler.load_state_dict(ck["sched"])
        else:
            self.optimizer.load_state_dict(ck["opt"])
            self.scheduler.load_state_dict(ck["sched"])
        return ck["epoch"] + 1


def fit(lit, start, stop, writer):
    for epoch in range(start, stop):
        lit.model.train(); s = 0.
        for x, y in train_dl:
            loss = lit.loss(lit.model(x), y)
            lit.optimizer.zero_grad(); loss.backward(); lit.optimizer.step()
            s += loss.item() / len(train_dl)
        lit.scheduler.step()
        lit.model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            v = lit.loss(lit.model(Xv), Ev).item()
        print(f"epoch {epoch} train {s:.5f} val {v:.5f} scheduler lr {lit.scheduler.get_last_lr()[0]:.2e} optimizer lr {lit.optimizer.param_groups[0]['lr']:.2e}")
    return s, v


EPOCHS = 16
ckpt = os.path.join(tempfile.mkdtemp(), "last.ckpt")
job1 = LitEnergy(EPOCHS)


class _NoWriter:
    from contextlib import nullcontext as evaluating


fit(job1, 0, 2, _NoWriter)
job1.save(ckpt, 1)
job2 = LitEnergy(EPOCHS)
start = job2.resume(ckpt)
writer = DiagWriter(LOG)
writer.watch(job2.model, job2.optimizer, job2.loss)
s, v = fit(job2, start, EPOCHS, writer)
writer.close()
print(f"RESULT val_mse={v:.5f} train_mse={s:.5f} r2={1 - v / Ev.var().item():.4f}")
