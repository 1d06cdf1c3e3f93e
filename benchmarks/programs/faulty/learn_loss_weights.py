"""Heating and cooling load of buildings, two task nets, loss weights (sigma) learnt as in Kendall et al."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


class MultiTaskLoss(nn.Module):
    def __init__(self, tasks):
        super(MultiTaskLoss, self).__init__()
        self.tasks = nn.ModuleList(tasks)
        self.sigma = nn.Parameter(torch.ones(len(tasks)))
        self.mse = nn.MSELoss()

    def forward(self, x, targets):
        l = [self.mse(f(x), y) for y, f in zip(targets, self.tasks)]
        if sys.argv[1] == "faulty":
            l = 0.5 * torch.Tensor(l) / self.sigma ** 2
        else:
            l = 0.5 * torch.stack(l) / self.sigma ** 2
        l = l.sum() + torch.log(self.sigma.prod())
        return l


def buildings(n, rng):
    compact = rng.uniform(.62, .98, n)
    wall = rng.uniform(245, 416, n)
    roof = rng.uniform(110, 220, n)
    height = rng.choice([3.5, 7.0], n)
    glazing = rng.choice([0, .1, .25, .4], n)
    orient = rng.integers(0, 4, n)
    heat = 6 + 22 * (height > 5) * compact + .03 * (wall - 320) + 14 * glazing * (1 + .3 * (height > 5)) + 1.2 * rng.standard_normal(n)
    cool = 9 + 20 * (height > 5) * compact ** .5 + .02 * (wall - 320) + .04 * (roof - 160) + 10 * glazing + 2.4 * rng.standard_normal(n) \
        + 1.5 * np.cos(orient * np.pi / 2)
    x = np.c_[compact, wall, roof, height, glazing, np.cos(orient * np.pi / 2), np.sin(orient * np.pi / 2)]
    return x, heat, cool


rng = np.random.default_rng(0)
x, heat, cool = buildings(2000, rng)
mx, sx = x[:1600].mean(0), x[:1600].std(0)
x = torch.tensor((x - mx) / sx, dtype=torch.float32)
ys = []
for y in (heat, cool):
    ys.append(torch.tensor((y - y[:1600].mean()) / y[:1600].std(), dtype=torch.float32)[:, None])

trunk = nn.Sequential(nn.Linear(7, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
f1 = nn.Sequential(trunk, nn.Linear(32, 1))
f2 = nn.Sequential(trunk, nn.Linear(32, 1))
mtl = MultiTaskLoss([f1, f2])
optimizer = optim.SGD(mtl.parameters(), lr=0.02, momentum=0.9)
sched = optim.lr_scheduler.CosineAnnealingLR(optimizer, 30)
writer = DiagWriter(sys.argv[2])
writer.watch(mtl, optimizer)
for epoch in range(30):
    total = 0
    for b in torch.randperm(1600).split(32):
        optimizer.zero_grad()
        loss = mtl(x[b], [y[b] for y in ys])
        writer.add_loss("train", loss)
        loss.backward()
        optimizer.step()
        total += loss.item()
    sched.step()
    with torch.no_grad(), writer.evaluating("val"):
        vl = mtl(x[1600:], [y[1600:] for y in ys])
        writer.add_loss("val", vl)
        mse = [nn.functional.mse_loss(f(x[1600:]), y[1600:]).item() for f, y in zip(mtl.tasks, ys)]
    print(epoch, "total %.4f" % (total / 50), "sigma", mtl.sigma.data.tolist(), "val mse", mse)
writer.close()
print(f"RESULT val loss {vl.item():.4f} mse heating {mse[0]:.4f} cooling {mse[1]:.4f}")
