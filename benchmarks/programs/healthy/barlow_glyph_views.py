# Barlow Twins on small digit scans (scikit-learn digits), two augmented views, then a linear probe.
import sys

import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)


class Encoder(nn.Module):
    def __init__(self, dim=64):
        super().__init__()
        self.f = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
            nn.Flatten(), nn.Linear(64 * 16, dim), nn.BatchNorm1d(dim), nn.ReLU())

    def forward(self, x):
        return self.f(x)


class BarlowTwins(nn.Module):
    def __init__(self, lambd=5e-3, proj=128):
        super().__init__()
        self.encoder = Encoder()
        self.projector = nn.Sequential(nn.Linear(64, proj, bias=False), nn.BatchNorm1d(proj), nn.ReLU(), nn.Linear(proj, proj, bias=False))
        self.bn = nn.BatchNorm1d(proj, affine=False)
        self.lambd = lambd

    def forward(self, y1, y2):
        z1, z2 = self.projector(self.encoder(y1)), self.projector(self.encoder(y2))
        c = self.bn(z1).T @ self.bn(z2) / len(z1)
        on_diag = (torch.diagonal(c) - 1).pow(2).sum()
        off_diag = c.pow(2).sum() - torch.diagonal(c).pow(2).sum()
        return on_diag + self.lambd * off_diag


def augment(x):
    n = len(x)
    ang = (torch.rand(n) - 0.5) * 0.6
    sc = 1 + (torch.rand(n) - 0.5) * 0.3
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = sc * ang.cos(), -ang.sin()
    theta[:, 1, 0], theta[:, 1, 1] = ang.sin(), sc * ang.cos()
    theta[:, :, 2] = (torch.rand(n, 2) - 0.5) * 0.4
    grid = nn.functional.affine_grid(theta, list(x.shape), align_corners=False)
    x = nn.functional.grid_sample(x, grid, align_corners=False)
    return x * (0.7 + 0.6 * torch.rand(n, 1, 1, 1)) + 0.08 * torch.randn_like(x)


X, y = load_digits(return_X_y=True)
X = torch.tensor(X / 16.0).float().view(-1, 1, 8, 8)
itr, ite = train_test_split(np.arange(len(y)), test_size=0.25, stratify=y, random_state=0)
Xtr, Xte = X[itr], X[ite]

model = BarlowTwins()
opt = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=1e-6)
epochs, bs = 60, 256
steps = epochs * (len(Xtr) // bs)
warm = steps // 10
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1.0, (s + 1) / warm) * 0.5 * (1 + np.cos(np.pi * min(1, s / steps))))
writer = DiagWriter(sys.argv[-1])
writer.watch(model, opt)
for ep in range(epochs):
    model.train()
    perm = torch.randperm(len(Xtr))
    for b in range(len(Xtr) // bs):
        x = Xtr[perm[b * bs:(b + 1) * bs]]
        loss = model(augment(x), augment(x))
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
    if ep % 10 == 9:
        writer.add_scalar("Loss/pretrain", loss.item(), ep)
        print(f"{ep + 1:3d} loss {loss.item():.3f}")
last = loss.item()


def probe(enc):
    enc.eval()
    with torch.no_grad():
        a, b = enc(Xtr).numpy(), enc(Xte).numpy()
    # few labels: 5 of each class
    pick = np.concatenate([np.where(y[itr] == k)[0][:5] for k in range(10)])
    return (LogisticRegression(max_iter=3000).fit(a[pick], y[itr][pick]).score(b, y[ite]),
            LogisticRegression(max_iter=3000).fit(a, y[itr]).score(b, y[ite]))


few, full = probe(model.encoder)
pick = np.concatenate([np.where(y[itr] == k)[0][:5] for k in range(10)])
raw_few = LogisticRegression(max_iter=3000).fit(Xtr.flatten(1)[pick].numpy(), y[itr][pick]).score(Xte.flatten(1).numpy(), y[ite])
torch.manual_seed(1)
rnd_few, _ = probe(Encoder())
writer.close()
print(f"RESULT probe50 {few:.4f} probe_all {full:.4f} raw_pixels50 {raw_few:.4f} random_encoder50 {rnd_few:.4f} loss {last:.3f}")
