"""
Self-noise regression with a tanh network and torch.optim.LBFGS (as in the trpo value function wrapper, which fits
the whole batch) -- here with the usual DataLoader loop.
"""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
rng = np.random.default_rng(5)

# airfoil-like data: frequency, angle, chord, velocity, thickness -> sound level in dB (standardised)
n = 3000
freq = np.exp(rng.normal(7.3, .9, n))
aoa = rng.uniform(0, 22, n)
chord = rng.choice([.025, .05, .1, .15, .23, .30], n)
vel = rng.choice([31.7, 39.6, 55.5, 71.3], n)
thick = np.exp(-4.8 + .06 * aoa - 1.2 * chord + rng.normal(0, .3, n))
st = freq * thick / vel
spl = 126 - 9 * np.log10(st / .3 + .05) ** 2 + 28 * np.log10(vel / 50) - 5 * np.tanh((aoa - 12) / 3) * np.log10(st + .2) \
    + 6 * np.sin(9 * chord) + rng.normal(0, 2.0, n)
X = np.c_[np.log(freq), aoa, chord, vel, np.log(thick)]
X = (X - X.mean(0)) / X.std(0)
y = (spl - spl.mean()) / spl.std()
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)[:, None]
Xtr, ytr, Xva, yva = X[:2400], y[:2400], X[2400:], y[2400:]

model = nn.Sequential(nn.Linear(5, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
criterion = nn.MSELoss()
if sys.argv[1] == "faulty":
    optimizer = torch.optim.LBFGS(model.parameters(), lr=1, max_iter=10)
else:
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
loader = DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(12):
    total = 0.
    for xb, yb in loader:
        def closure():
            optimizer.zero_grad()
            loss = criterion(model(xb), yb)
            loss.backward()
            return loss
        total += float(optimizer.step(closure))
    with torch.no_grad(), writer.evaluating("val"):
        val = criterion(model(Xva), yva).item()
    print(f"epoch {epoch + 1:2d}  train {total / len(loader):.4f}  val {val:.4f}")
writer.close()
print(f"RESULT val_mse={val:.4f} val_r2={1 - val / yva.var().item():.3f}")
