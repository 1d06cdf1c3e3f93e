"""UCI energy efficiency (heating / cooling load of simulated buildings): two targets, one small MLP, SGD with CyclicLR as in the pytorch docs example."""
import sys

import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset, random_split

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(11)
np.random.seed(11)


def buildings():
    """768 buildings: 12 shapes x 4 orientations x 16 glazings, as in the original design."""
    rows, targets = [], []
    shapes = np.linspace(.62, .98, 12)
    for rc in shapes:
        surf = 514.5 + (0.98 - rc) / .36 * 294
        wall = 245 + 60 * np.sin(9 * rc)
        roof = (surf - wall) / 2
        height = 7.0 if rc > .75 else 3.5
        for orient in (2, 3, 4, 5):
            for g in (0, .1, .25, .4):
                for dist in (0, 1, 3, 5):
                    heat = 6 + 3.2 * height / 3.5 ** 1 + 22 * g + .03 * (wall - 245) + (height > 5) * (9 + 10 * (rc - .75)) + .2 * dist * g
                    cool = heat * .9 + 5 + 4 * g * np.cos(orient) + 6 * (rc - .8) ** 2
                    rows.append([rc, surf, wall, roof, height, orient, g, dist])
                    targets.append([heat + np.random.randn() * .8, cool + np.random.randn() * 1.2])
    return np.array(rows), np.array(targets)


X, Y = buildings()
perm = np.random.permutation(len(X))
tr, va = perm[:600], perm[600:]
mx, sx, my, sy = X[tr].mean(0), X[tr].std(0), Y[tr].mean(0), Y[tr].std(0)
as_t = lambda i: TensorDataset(torch.FloatTensor((X[i] - mx) / sx), torch.FloatTensor((Y[i] - my) / sy))
train_loader = DataLoader(as_t(tr), batch_size=32, shuffle=True)
val_loader = DataLoader(as_t(va), batch_size=168)

model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 2))
criterion = nn.MSELoss()
optimizer = optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
scheduler = optim.lr_scheduler.CyclicLR(optimizer, base_lr=0.001, max_lr=0.1, step_size_up=95, mode="exp_range", gamma=0.9993)

writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
for epoch in range(100):
    model.train()
    running = 0.0
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
        scheduler.step()
        running += loss.item()
    model.eval()
    with writer.evaluating("val"):
        for inputs, labels in val_loader:
            out = model(inputs)
            val = criterion(out, labels).item()
    if (epoch + 1) % 20 == 0:
        print(f"[{epoch + 1}] train {running / len(train_loader):.4f} val {val:.4f} lr {scheduler.get_last_lr()[0]:.4f}")
rmse = ((out - labels).pow(2).mean(0).sqrt().numpy() * sy).round(2)
writer.close()
print(f"RESULT train {running / len(train_loader):.4f} val {val:.4f} rmse heating/cooling {rmse} (noise .8 / 1.4)")
