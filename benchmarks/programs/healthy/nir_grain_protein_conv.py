"""Protein content of grain from near-infrared spectra (120 channels, 500 samples): SNV, small Conv1d, MSE on z-scored protein."""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(9)
rng = np.random.default_rng(9)
n, L = 600, 120
w = np.linspace(0, 1, L)
peak = lambda c, s: np.exp(-((w - c) / s) ** 2)
protein = rng.normal(12, 1.6, n)
water = rng.normal(13, 1.2, n)
starch = 70 - protein + rng.normal(0, 1.5, n)
spec = (protein[:, None] * (.03 * peak(.35, .03) + .02 * peak(.72, .04)) + water[:, None] * (.06 * peak(.5, .06) + .03 * peak(.9, .05))
        + starch[:, None] * (.008 * peak(.42, .05) + .006 * peak(.66, .07)))
spec = (spec + rng.normal(.4, .08, (n, 1)) + rng.normal(0, .15, (n, 1)) * w) * rng.lognormal(0, .1, (n, 1)) + rng.normal(0, .006, (n, L))
lab = protein + rng.normal(0, .35, n)                           # error of the Kjeldahl method
snv = (spec - spec.mean(1, keepdims=True)) / spec.std(1, keepdims=True)
snv = (snv - snv[:450].mean(0)) / snv[:450].std(0).mean()
mu, sd = lab[:450].mean(), lab[:450].std()
x = torch.tensor(snv, dtype=torch.float32)[:, None]
y = torch.tensor((lab - mu) / sd, dtype=torch.float32)[:, None]

net = nn.Sequential(nn.Conv1d(1, 8, 9, stride=2, padding=4), nn.ELU(), nn.Conv1d(8, 8, 5, stride=2, padding=2), nn.ELU(),
                    nn.Flatten(), nn.Linear(8 * 30, 24), nn.ELU(), nn.Linear(24, 1))
opt = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=1e-3)
sched = torch.optim.lr_scheduler.StepLR(opt, 25, gamma=.3)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, mse)
vals = []
for epoch in range(60):
    acc = 0
    for b in torch.randperm(450).split(15):
        pred = net(x[b])
        loss = mse(pred, y[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        acc += loss.item() / 30
    sched.step()
    with writer.evaluating("val"), torch.no_grad():
        vals.append(mse(net(x[450:]), y[450:]).item())
    if epoch % 6 == 5:
        print(f"{epoch + 1} train {acc:.4f} val {vals[-1]:.4f} RMSEP {vals[-1] ** .5 * sd:.3f} %")
writer.close()
print(f"RESULT train {acc:.4f} val {vals[-1]:.4f} best {min(vals):.4f} noise_floor {.35 ** 2 / sd ** 2:.4f}")
