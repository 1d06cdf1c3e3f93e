"""Downscaling rain: radar patch + station attributes -> mm at the gauge. Log loss on wet hours, plain loss on dry ones."""
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader, random_split
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(21); np.random.seed(21)


def simulate(n=7000, s=7):
    """smooth random radar fields, gauge in the middle reads a noisy function, dry in about 40 % of the hours"""
    from scipy.ndimage import gaussian_filter
    f = gaussian_filter(np.random.randn(n, s + 6, s + 6), (0, 1.5, 1.5))[:, 3:-3, 3:-3]
    f = f / f.std() + np.random.randn(n, 1, 1) * 0.8
    df = pd.DataFrame({"altitude": np.random.gamma(2., 250., n), "month": np.random.randint(1, 13, n), "wind": np.random.gamma(3, 1.5, n)})
    core = f[:, 2:5, 2:5].mean((1, 2)) + 0.25 * f[:, :, 0].mean(1) * np.sin(df.month * np.pi / 6)
    lograte = 1.1 * core + 0.4 * (df.altitude / 500 - 1) - 0.05 * df.wind + 0.25 * np.random.randn(n)
    mm = np.where(lograte > -0.2, np.exp(lograte), 0.0)
    return f.astype(np.float32), df, mm.astype(np.float32)


radar, stations, mm = simulate()
stations["sin_m"], stations["cos_m"] = np.sin(stations.month * np.pi / 6), np.cos(stations.month * np.pi / 6)
attr = stations[["altitude", "wind", "sin_m", "cos_m"]]
attr = ((attr - attr.mean()) / attr.std()).values.astype(np.float32)
dataset = TensorDataset(torch.tensor(radar[:, None]), torch.tensor(attr), torch.tensor(mm[:, None]))
train_set, val_set = random_split(dataset, [5600, 1400], generator=torch.Generator().manual_seed(1))
train_loader = DataLoader(train_set, 64, shuffle=True)
val_loader = DataLoader(val_set, 700)
print("dry share %.2f  mean %.2f mm" % ((mm == 0).mean(), mm.mean()))


class RainNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.radar = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ELU(), nn.Conv2d(8, 16, 3), nn.ELU(), nn.Flatten())
        self.head = nn.Sequential(nn.Linear(16 * 9 + 4, 32), nn.ELU(), nn.Linear(32, 1), nn.Softplus())

    def forward(self, r, a):
        return self.head(torch.cat([self.radar(r), a], 1))


class WetDryLoss(nn.Module):
    """squared log error where it rained, absolute error where it did not"""

    def forward(self, pred, target):
        wet = target > 0
        if mode == "faulty":
            err = torch.where(wet, (torch.log(pred) - torch.log(target)) ** 2, pred)
        else:
            safe = torch.where(wet, target, torch.ones_like(target))
            err = torch.where(wet, (torch.log(pred) - torch.log(safe)) ** 2, pred)
        return err.mean()


net = RainNet()
opt = torch.optim.Adam(net.parameters(), lr=2e-3, weight_decay=1e-5)
sched = torch.optim.lr_scheduler.MultiStepLR(opt, [10, 14], 0.3)
crit = WetDryLoss()
writer = DiagWriter(logdir)
writer.watch(net, opt, crit)
for epoch in range(1, 17):
    net.train(); total = 0.
    for r, a, t in train_loader:
        opt.zero_grad()
        loss = crit(net(r, a), t)
        loss.backward()
        opt.step()
        total += loss.item() * len(t)
    sched.step()
    net.eval(); vtot = 0.; P = []
    with torch.no_grad(), writer.evaluating("val"):
        for r, a, t in val_loader:
            p = net(r, a)
            vtot += crit(p, t).item() * len(t); P.append(torch.cat([p, t], 1))
    P = torch.cat(P)
    print(f"Epoch {epoch:02d} train {total / len(train_set):.4f} val {vtot / len(val_set):.4f}")
writer.close()
mae = (P[:, 0] - P[:, 1]).abs().mean().item()
print(f"RESULT val_loss={vtot / len(val_set):.4f} val_mae_mm={mae:.4f} (mean predictor {abs(mm - np.median(mm)).mean():.3f})")
