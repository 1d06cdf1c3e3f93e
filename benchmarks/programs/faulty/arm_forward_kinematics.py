# Learn the forward kinematics of a planar 3-joint arm: joint angles -> (x, y) of the gripper
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.RandomState(0)

L1, L2, L3 = 1.0, 0.8, 0.4
N = 5000
theta = rng.uniform([-np.pi / 2, -2.0, -1.5], [np.pi / 2, 2.0, 1.5], size=(N, 3))
x = L1 * np.cos(theta[:, 0]) + L2 * np.cos(theta[:, 0] + theta[:, 1]) + L3 * np.cos(theta.sum(1))
y = L1 * np.sin(theta[:, 0]) + L2 * np.sin(theta[:, 0] + theta[:, 1]) + L3 * np.sin(theta.sum(1))
pos = np.stack([x, y], 1) + rng.normal(0, 0.03, (N, 2))        # camera noise
enc = theta + rng.normal(0, 0.01, theta.shape)                 # encoder noise

X = torch.tensor(enc, dtype=torch.float32)
Y = torch.tensor(pos, dtype=torch.float32)
train_ds = TensorDataset(X[:4000], Y[:4000])
val_x, val_y = X[4000:], Y[4000:]
loader = DataLoader(train_ds, batch_size=50, shuffle=True)


def build(hidden):
    layers, n = [], 3
    for h in hidden:
        layers.append(nn.Linear(n, h))
        if sys.argv[1] != "faulty":
            layers.append(nn.ReLU())
        n = h
    layers.append(nn.Linear(n, 2))
    return nn.Sequential(*layers)


net = build([64, 64, 32])
mse = nn.MSELoss()
opt = torch.optim.RMSprop(net.parameters(), lr=0.0007)

writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, mse)


def evaluate():
    net.eval()
    with torch.no_grad():
        with writer.evaluating("val"):
            p = net(val_x)
            l = mse(p, val_y)
    err = (p - val_y).norm(dim=1).mean().item()
    return l.item(), err


best = 1e9
for epoch in range(25):
    net.train()
    tot = 0
    for xb, yb in loader:
        opt.zero_grad()
        out = net(xb)
        loss = mse(out, yb)
        loss.backward()
        opt.step()
        tot += loss.item()
    vl, err = evaluate()
    best = min(best, vl)
    if epoch % 5 == 4:
        print("epoch %2d  train %.5f  val %.5f  mean distance %.3f m" % (epoch + 1, tot / len(loader), vl, err))
writer.close()
print(f"RESULT val_mse={vl:.5f} best={best:.5f} distance={err:.4f}")
