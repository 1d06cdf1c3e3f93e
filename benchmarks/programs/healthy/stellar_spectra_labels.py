"""Effective temperature, surface gravity and metallicity from continuum-normalised stellar spectra.

The three labels come with very different errors, therefore a Gaussian likelihood weighted with the *catalogue* errors
(chi^2 / 2, astroNN style) is minimised: the loss in these units is far above 1 at the start and ends near 0.5 per label
if the net reaches the catalogue's precision (it does not quite, spectra are noisy).
"""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
rng = np.random.default_rng(21)
torch.manual_seed(21)

P = 180
lam = np.linspace(0, 1, P)
n_lines = 60
centre = rng.uniform(0, 1, n_lines)
depth0 = rng.uniform(.05, .45, n_lines)
a_t, a_g, a_m = rng.normal(-.5, .6, n_lines), rng.normal(.1, .3, n_lines), rng.uniform(.2, 1.1, n_lines)
width = rng.uniform(.004, .01, n_lines)


def make(n):
    giant = rng.random(n) < .6
    teff = np.where(giant, rng.normal(4750, 320, n), rng.normal(5700, 450, n))
    logg = np.where(giant, 2.4 + .0018 * (teff - 4750) + rng.normal(0, .35, n), rng.normal(4.35, .2, n))
    feh = np.clip(rng.normal(-.25, .35, n), -2, .5)
    t, g, m = (teff - 5100) / 600, (logg - 3.2) / 1.1, (feh + .25) / .35
    strength = np.log(depth0) + .35 * (a_t * t[:, None] + a_g * g[:, None] + a_m * m[:, None])
    d = np.exp(strength)
    d = d / (1 + d)                                                # saturation
    prof = np.exp(-.5 * ((lam[None] - centre[:, None]) / width[:, None]) ** 2)
    flux = np.exp(-(d @ prof))
    snr = np.exp(rng.normal(np.log(60), .5, n))[:, None]
    flux = flux * (1 + .01 * rng.normal(size=(n, 1)) * lam + .01 * rng.normal(size=(n, 1))) + rng.normal(size=flux.shape) / snr
    err = np.stack([np.full(n, 70.), np.full(n, .12), np.full(n, .05)], 1) * np.exp(rng.normal(0, .25, (n, 3)))
    lab = np.stack([teff, logg, feh], 1)
    return flux.astype(np.float32), (lab + err * rng.normal(size=err.shape)).astype(np.float32), err.astype(np.float32), lab


f_tr, l_tr, e_tr, _ = make(4000)
f_va, l_va, e_va, true_va = make(1000)
mean, std = l_tr.mean(0), l_tr.std(0)
fm = f_tr.mean(0)
T = lambda a: torch.as_tensor(a, dtype=torch.float32)
X, L, E = T((f_tr - fm) * 10), T((l_tr - mean) / std), T(e_tr / std)
Xv, Lv, Ev = T((f_va - fm) * 10), T((l_va - mean) / std), T(e_va / std)


class WeightedChi2(nn.Module):
    def forward(self, pred, target, err):
        return (.5 * ((pred - target) / err) ** 2).mean()


class SpecCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 4, 8)
        self.conv2 = nn.Conv1d(4, 16, 8)
        self.pool = nn.MaxPool1d(4)
        self.d1 = nn.Linear(16 * 41, 96)
        self.d2 = nn.Linear(96, 48)
        self.out = nn.Linear(48, 3)

    def forward(self, s):
        h = torch.relu(self.conv1(s[:, None]))
        h = self.pool(torch.relu(self.conv2(h))).flatten(1)
        return self.out(torch.relu(self.d2(torch.relu(self.d1(h)))))


net = SpecCNN()
chi2 = WeightedChi2()
optimizer = torch.optim.Adam(net.parameters(), lr=7e-4)
reducer = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=.5, patience=1, min_lr=2e-5)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, chi2)
MAX_EPOCHS = 16
for ep in range(1, MAX_EPOCHS + 1):
    net.train()
    tl = 0.
    for idx in torch.randperm(len(X)).split(64):
        optimizer.zero_grad()
        loss = chi2(net(X[idx]), L[idx], E[idx])
        loss.backward()
        optimizer.step()
        tl += loss.item() * len(idx) / len(X)
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        pv = net(Xv)
        vl = chi2(pv, Lv, Ev).item()
    reducer.step(vl)
    if ep % 2 == 0:
        sc = np.abs(pv.numpy() * std + mean - true_va)
        print(f"{ep:3d} train {tl:7.3f} val {vl:7.3f}  |dTeff| {np.median(sc[:, 0]):.0f} K  |dlogg| {np.median(sc[:, 1]):.3f}  |d[Fe/H]| {np.median(sc[:, 2]):.3f}  lr {optimizer.param_groups[0]['lr']:.1e}")
writer.close()
print(f"RESULT train {tl:.4f} val {vl:.4f} teff_med {np.median(sc[:, 0]):.1f} feh_med {np.median(sc[:, 2]):.4f}")
