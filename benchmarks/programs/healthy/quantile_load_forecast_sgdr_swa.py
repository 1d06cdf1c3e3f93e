import sys
import numpy as np
import torch
import torch.nn as nn
from torch.optim.swa_utils import AveragedModel, SWALR
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(21); rng = np.random.RandomState(21)

# hourly electricity load, 500 days: trend + daily + weekly + temperature + AR noise
H = 24 * 500
t = np.arange(H)
temp = 10 * np.sin(2 * np.pi * t / 24 / 365) + 4 * np.sin(2 * np.pi * (t - 9) / 24)
ar = np.zeros(H)
for i in range(1, H):
    ar[i] = .92 * ar[i - 1] + rng.randn() * (1.2 + .8 * ((t[i] // 24) % 7 >= 5))
load = 50 + .0012 * t + 8 * np.sin(2 * np.pi * (t - 7) / 24) + 3 * np.sin(4 * np.pi * t / 24) - 5 * ((t // 24) % 7 >= 5) + .03 * (temp - 12) ** 2 + ar
CTX, HOR = 72, 6
n_tr, n_va = 24 * 380, 24 * 440


def windows(a, b):
    X, Y = [], []
    for i in range(a + CTX, b - HOR, 2):
        h = load[i - CTX:i]; m = h.mean()
        cal = [np.sin(2 * np.pi * i / 24), np.cos(2 * np.pi * i / 24), float((i // 24) % 7 >= 5), float(((i + HOR) // 24) % 7 >= 5)]
        X.append(np.r_[(h - m) / 8, cal]); Y.append((load[i:i + HOR] - m) / 8)     # every window relative to its own mean
    return TensorDataset(torch.tensor(np.array(X), dtype=torch.float32), torch.tensor(np.array(Y), dtype=torch.float32))


tr, va, te = windows(0, n_tr), windows(n_tr, n_va), windows(n_va, H)
train_loader = DataLoader(tr, 64, shuffle=True, drop_last=True)
val_loader, test_loader = DataLoader(va, 500), DataLoader(te, 500)
Q = torch.tensor([.1, .5, .9])


class Pinball(nn.Module):
    def forward(self, pred, y):
        e = y.unsqueeze(-1) - pred
        return torch.maximum(Q * e, (Q - 1) * e).mean()


class NBlock(nn.Module):
    def __init__(self, d, h, out):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(d, h), nn.ReLU(), nn.Dropout(.1), nn.Linear(h, h), nn.ReLU())
        self.back, self.fore = nn.Linear(h, d), nn.Linear(h, out)
    def forward(self, x):
        z = self.f(x)
        return x - self.back(z), self.fore(z)


class Forecaster(nn.Module):
    def __init__(self, d=CTX + 4, n=2):
        super().__init__()
        self.blocks = nn.ModuleList(NBlock(d, 64, HOR * 3) for _ in range(n))
    def forward(self, x):
        y = 0
        for b in self.blocks:
            x, f = b(x); y = y + f
        return y.view(-1, HOR, 3)


model, criterion = Forecaster(), Pinball()
opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=.05)
sgdr = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(opt, T_0=6, T_mult=2)     # cycles of 6 and 12 epochs
EPOCHS, SWA_FROM = 24, 18
swa = AveragedModel(model)
swa_sched = SWALR(opt, swa_lr=5e-4, anneal_epochs=1)
w = DiagWriter(sys.argv[1])
w.watch(model, opt, criterion)
for ep in range(EPOCHS):
    model.train(); s = 0
    for i, (x, y) in enumerate(train_loader):
        loss = criterion(model(x), y)
        opt.zero_grad(); loss.backward(); opt.step()
        if ep < SWA_FROM: sgdr.step(ep + i / len(train_loader))
        s += loss.item()
    if ep >= SWA_FROM:
        swa.update_parameters(model); swa_sched.step()
    with w.evaluating("val"):
        v = np.mean([criterion(model(x), y).item() for x, y in val_loader])
    print(f"{ep} lr {opt.param_groups[0]['lr']:.2e} train {s / len(train_loader):.4f} val {v:.4f}")
swa.eval()
with torch.no_grad():
    o = torch.cat([swa(x) for x, _ in test_loader]); Y = te.tensors[1]
w.add_scalar("test/pinball_swa", criterion(o, Y).item(), EPOCHS)
print("swa test pinball %.4f, 80%% interval covers %.3f" % (criterion(o, Y).item(), ((Y > o[..., 0]) & (Y < o[..., 2])).float().mean()))
w.close()
