# Snake activation x + sin(ax)^2/a (Ziyin et al. 2020) fitted to a harbour water level (simulated tide).
import sys, math
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(4)


class Snake(nn.Module):
    def __init__(self, n, a0):
        super().__init__()
        self.a = nn.Parameter(torch.as_tensor(a0).float().expand(n).clone())

    def forward(self, x):
        return x + torch.sin(self.a * x) ** 2 / self.a


rng = np.random.default_rng(4)
t = np.linspace(0, 96, 960)                    # hours
level = 1.1 * np.sin(2 * np.pi * t / 12.42 + 0.4) + 0.35 * np.sin(2 * np.pi * t / 24.84 - 1.0)
obs = level + 0.12 * rng.standard_normal(len(t))
T = torch.tensor((t - 36) / 12.0).float()[:, None]
Y = torch.tensor(obs).float()[:, None]
fit, ahead = slice(0, 720), slice(720, 960)    # three days known, one day ahead
model = nn.Sequential(nn.Linear(1, 48), Snake(48, 3.0), nn.Linear(48, 48), Snake(48, 1.0), nn.Linear(48, 1))
loss_fn = nn.MSELoss()
opt = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
N = 900
sched = torch.optim.lr_scheduler.OneCycleLR(opt, 1e-3, total_steps=N, pct_start=0.1)
# inside the record every 6th hour block is kept back
blk = (np.arange(720) // 30) % 6 == 5
tr, va = np.where(~blk)[0], np.where(blk)[0]
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, loss_fn)
for i in range(N):
    idx = tr[rng.integers(0, len(tr), 128)]
    loss = loss_fn(model(T[idx]), Y[idx])
    opt.zero_grad()
    loss.backward()
    opt.step()
    sched.step()
    if i % 50 == 49:
        with writer.evaluating("val"):
            v = loss_fn(model(T[va]), Y[va]).item()
        print(i + 1, f"{loss.item():.4f} {v:.4f}")
with torch.no_grad():
    beyond = (model(T[ahead]) - Y[ahead]).pow(2).mean().item()
writer.close()
print(f"RESULT val_mse {v:.5f} noise_var {0.12 ** 2:.5f} beyond_mse {beyond:.4f} level_var {Y.var().item():.3f}")
