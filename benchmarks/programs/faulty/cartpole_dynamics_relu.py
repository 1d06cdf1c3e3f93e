# learn the dynamics model of a cart pole (for MPC): (state, action) -> change of state
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(2)
rng = np.random.default_rng(2)


def step(s, u, dt=0.05):
    x, xd, th, thd = s.T
    g, mc, mp, l = 9.8, 1.0, 0.3, 0.6
    mt = mc + mp
    tmp = (u + mp * l * thd ** 2 * np.sin(th)) / mt
    tha = (g * np.sin(th) - np.cos(th) * tmp) / (l * (4 / 3 - mp * np.cos(th) ** 2 / mt))
    xa = tmp - mp * l * tha * np.cos(th) / mt
    return np.stack([x + dt * xd, xd + dt * xa, th + dt * thd, thd + dt * tha], 1)


n = 8000
s = np.stack([rng.uniform(-2, 2, n), rng.normal(0, 1.5, n), rng.uniform(-np.pi, np.pi, n), rng.normal(0, 3, n)], 1)
u = rng.uniform(-10, 10, n)
d = step(s, u) - s + rng.normal(0, [0.005, 0.03, 0.01, 0.05], (n, 4))        # encoder noise
X = np.concatenate([s, u[:, None]], 1)
X = (X - X[:7000].mean(0)) / X[:7000].std(0)
Y = (d - d[:7000].mean(0)) / d[:7000].std(0)
X, Y = torch.tensor(X, dtype=torch.float32), torch.tensor(Y, dtype=torch.float32)


class DynamicsModel(nn.Module):
    def __init__(self, nin=5, nout=4, nh=96):
        super().__init__()
        self.fc1 = nn.Linear(nin, nh)
        self.fc2 = nn.Linear(nh, nh)
        self.fc3 = nn.Linear(nh, nh)
        self.out = nn.Linear(nh, nout)

    def forward(self, x):
        if sys.argv[1] == "faulty":
            x = self.fc1(x)
            F.relu(x)
            x = self.fc2(x)
            F.relu(x)
            x = self.fc3(x)
            F.relu(x)
        else:
            x = self.fc1(x)
            x = F.relu(x)
            x = self.fc2(x)
            x = F.relu(x)
            x = self.fc3(x)
            x = F.relu(x)
        return self.out(x)


model = DynamicsModel()
mse = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 10, 0.3)
w = DiagWriter(sys.argv[2])
w.watch(model, optimizer, mse)
for it in range(30):
    running = []
    for idx in torch.randperm(7000).split(64):
        loss = mse(model(X[idx]), Y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running.append(loss.item())
    scheduler.step()
    with w.evaluating("val"), torch.no_grad():
        p = model(X[7000:])
        v = mse(p, Y[7000:]).item()
        r2 = 1 - ((p - Y[7000:]) ** 2).mean(0) / Y[7000:].var(0)
    if it % 5 == 4:
        print("iteration", it + 1, "train mse %.4f" % np.mean(running), "val mse %.4f" % v, "R2", r2.numpy().round(3))
w.close()
print(f"RESULT train_mse={np.mean(running):.4f} val_mse={v:.4f} r2_min={r2.min():.3f}")
