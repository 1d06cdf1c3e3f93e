# Surrogate for a counter-flow heat exchanger (simulated with the NTU formula, so that data cost nothing):
# five operating figures in, duty and outlet temperature out.
import argparse
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split
from tb_lossdiag import DiagWriter

ap = argparse.ArgumentParser()
ap.add_argument("form", choices=["faulty", "fixed"])
ap.add_argument("logdir")
ap.add_argument("--epochs", type=int, default=30)
args = ap.parse_args()
torch.set_num_threads(1)
torch.manual_seed(3)
rng = np.random.default_rng(3)

n = 4000
mh, mc = rng.uniform(1, 4, n), rng.uniform(1, 4, n)
th, tc = rng.uniform(60, 120, n), rng.uniform(5, 30, n)
ua = rng.uniform(2, 15, n)
ch, cc = 4.18 * mh, 4.18 * mc
cmin, cmax = np.minimum(ch, cc), np.maximum(ch, cc)
cr = np.clip(cmin / cmax, 0, .999)
ntu = ua / cmin
e = np.exp(-ntu * (1 - cr))
eff = (1 - e) / (1 - cr * e)
q = eff * cmin * (th - tc)
tout = th - q / ch
X = np.stack([mh, mc, th, tc, ua], 1)
Y = np.stack([q, tout], 1) * (1 + 0.0005 * rng.standard_normal((n, 2)))
X = (X - X.mean(0)) / X.std(0)
Y = (Y - Y.mean(0)) / Y.std(0)
ds = TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(Y, dtype=torch.float32))
tr, va = random_split(ds, [3200, 800], generator=torch.Generator().manual_seed(0))
train_loader = DataLoader(tr, batch_size=32, shuffle=True)
val_loader = DataLoader(va, batch_size=400)

net = nn.Sequential(nn.Linear(5, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 2))
opt = torch.optim.Adam(net.parameters(), lr=0.02)
steps = 10 * len(train_loader)
sched = torch.optim.lr_scheduler.StepLR(opt, step_size=steps, gamma=0.1)
mse = nn.MSELoss()
writer = DiagWriter(args.logdir)
writer.watch(net, opt, mse)
for epoch in range(args.epochs):
    net.train()
    for x, y in train_loader:
        opt.zero_grad()
        loss = mse(net(x), y)
        loss.backward()
        opt.step()
        if args.form == "fixed":
            sched.step()
    if args.form == "faulty":
        sched.step()
    net.eval()
    with writer.evaluating("val"):
        v = sum(mse(net(x), y).item() for x, y in val_loader) / len(val_loader)
    writer.add_scalar("val_mse", v, epoch)
    if epoch % 5 == 4:
        print(f"{epoch + 1:3d} val mse {v:.6f}")
writer.close()
print("RESULT val_mse", f"{v:.6f}", "rmse", f"{v ** .5:.5f}")
