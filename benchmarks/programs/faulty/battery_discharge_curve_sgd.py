# Battery cell voltage from temperature, current, state of charge, age (simulated with the usual Shepherd-type formula).
# argv: faulty|fixed logdir
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
rng = np.random.default_rng(3)
N = 6000
soc = rng.uniform(0.05, 1, N); cur = rng.uniform(0, 3, N); temp = rng.uniform(-10, 45, N); age = rng.uniform(0, 1, N)
r = 0.04 * (1 + 0.8 * age) * np.exp(-0.02 * (temp - 25))
v = 3.3 + 0.55 * soc - 0.02 / soc + 0.25 * np.exp(-18 * (1 - soc)) - cur * r - 0.1 * age * (1 - soc) + rng.normal(0, 0.004, N)
X = np.stack([soc, cur, temp, age], 1)
X = (X - X.mean(0)) / X.std(0)
y = ((v - v.mean()) / v.std())[:, None]
X = torch.tensor(X, dtype=torch.float32); y = torch.tensor(y, dtype=torch.float32)
Xtr, ytr, Xte, yte = X[:5000], y[:5000], X[5000:], y[5000:]

net = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
mse = nn.MSELoss()
epochs, bs = 45, 16
opt = torch.optim.SGD(net.parameters(), lr=0.06, momentum=0.9)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=epochs)

writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, mse)
for ep in range(epochs):
    net.train()
    perm = torch.randperm(len(Xtr))
    tot = 0
    for i in range(0, len(Xtr), bs):
        b = perm[i:i + bs]
        loss = mse(net(Xtr[b]), ytr[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        tot += loss.item() * len(b)
    if sys.argv[1] == "fixed":
        sched.step()
    with writer.evaluating("val"):
        val = mse(net(Xte), yte).item()
    if ep % 10 == 9:
        print("epoch %3d train %.5f val %.5f lr %.4f" % (ep + 1, tot / len(Xtr), val, opt.param_groups[0]["lr"]))
writer.close()
print("RESULT val_rmse_mV %.2f" % (val ** 0.5 * v.std() * 1000))
