"""Efficiency of a compressor from pressure ratio, speed, inlet temperature and guide-vane angle (simulated test-bench readings),
trained with CyclicLR (triangular2, momentum cycled the other way)."""
import argparse
import numpy as np
import torch
import torch.nn as nn
from torch.optim.lr_scheduler import CyclicLR
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter


def bench(n, seed):
    r = np.random.default_rng(seed)
    pr, sp, ti, ga = r.uniform(1.2, 4, n), r.uniform(.5, 1.1, n), r.normal(293, 9, n), r.uniform(-10, 30, n)
    best = 1 + 2.6 * sp ** 2
    eta = .86 - .16 * ((pr - best) / best) ** 2 * 4 - .00006 * (ga - 40 * (1 - sp)) ** 2 - .0004 * (ti - 293) + .02 * np.sin(7 * sp)
    return np.stack([pr, sp, ti, ga], 1), eta + r.normal(0, .008, n)


ap = argparse.ArgumentParser()
ap.add_argument("logdir")
ap.add_argument("--base-lr", type=float, default=0.005)
ap.add_argument("--max-lr", type=float, default=0.15)
ap.add_argument("--epochs", type=int, default=32)
args = ap.parse_args()
torch.set_num_threads(1)
torch.manual_seed(44)
X, y = bench(2600, 44)
xm, xs, ym, ys = X[:2000].mean(0), X[:2000].std(0), y[:2000].mean(), y[:2000].std()
X, y = torch.tensor((X - xm) / xs, dtype=torch.float32), torch.tensor((y - ym) / ys, dtype=torch.float32)[:, None]
loader = DataLoader(TensorDataset(X[:2000], y[:2000]), batch_size=50, shuffle=True)
net = nn.Sequential(nn.Linear(4, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=args.base_lr, momentum=0.9)
scheduler = CyclicLR(optimizer, args.base_lr, args.max_lr, step_size_up=4 * len(loader), mode="triangular2", base_momentum=.85, max_momentum=.95)
criterion = nn.SmoothL1Loss()
writer = DiagWriter(args.logdir)
writer.watch(net, optimizer, criterion)
for epoch in range(args.epochs):
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(net(xb), yb)
        loss.backward()
        optimizer.step()
        scheduler.step()
    with writer.evaluating("val"):
        pred = net(X[2000:])
        vl = criterion(pred, y[2000:]).item()
    if epoch % 4 == 3:
        print(epoch + 1, f"lr {optimizer.param_groups[0]['lr']:.4f} train {loss.item():.4f} val {vl:.4f}")
writer.close()
from sklearn.ensemble import HistGradientBoostingRegressor
gb = HistGradientBoostingRegressor(random_state=0).fit(X[:2000], y[:2000].ravel()).predict(X[2000:])
rm = lambda p: float(np.sqrt(np.mean((p - y[2000:].numpy().ravel()) ** 2)) * ys)
print(f"RESULT val_loss {vl:.4f} rmse {rm(pred.numpy().ravel()):.5f} noise_sd 0.008 boosting_rmse {rm(gb):.5f}")
