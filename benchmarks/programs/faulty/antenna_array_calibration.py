"""Learn the pointing error of a phased array from its 8 element powers (simulated; measurement noise in x and y).

usage: python antenna_array_calibration.py faulty|fixed LOGDIR
"""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
mode, logdir = sys.argv[1:3]
torch.manual_seed(3)
rs = np.random.RandomState(3)
EPOCHS, LR, BATCH = 24, 0.03, 4


def simulate(n, noise):
    az, el = rs.uniform(-1, 1, n), rs.uniform(-1, 1, n)
    ang = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    px, py = np.cos(ang), np.sin(ang)
    phase = 2.2 * (az[:, None] * px + el[:, None] * py)
    x = np.cos(phase + 0.4) + 0.3 * np.sin(2 * phase)
    x = x + 0.05 * rs.randn(n, 8)
    y = np.stack([az, el], 1) / 0.577 + noise * rs.randn(n, 2)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


xtr, ytr = simulate(2400, 0.5)
xva, yva = simulate(600, 0.5)
xte, yte = simulate(2000, 0.0)


def adjust_learning_rate(optimizer, epoch):
    """drop to a tenth after 60 % and again after 85 % of the epochs"""
    lr = LR * (0.1 ** int(epoch >= 0.6 * EPOCHS)) * (0.1 ** int(epoch >= 0.85 * EPOCHS))
    for group in optimizer.param_groups:
        if mode == "faulty":
            group["learning_rate"] = lr
        else:
            group["lr"] = lr
    return lr


net = nn.Sequential(nn.Linear(8, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 2))
loss_fn = nn.MSELoss()
opt = torch.optim.SGD(net.parameters(), lr=LR, momentum=0.9)
w = DiagWriter(logdir)
w.watch(net, opt, loss_fn)
train_loader = DataLoader(TensorDataset(xtr, ytr), batch_size=BATCH, shuffle=True)
val_loader = DataLoader(TensorDataset(xva, yva), batch_size=200)

for epoch in range(EPOCHS):
    adjust_learning_rate(opt, epoch)
    net.train()
    s = 0.0
    for xb, yb in train_loader:
        loss = loss_fn(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        s += loss.item()
    with w.evaluating("val"):
        v = np.mean([loss_fn(net(xb), yb).item() for xb, yb in val_loader])
    w.add_scalar("Loss/train", s / len(train_loader), epoch)
    w.add_scalar("Loss/val", v, epoch)
    print("epoch %2d train %.4f val %.4f" % (epoch + 1, s / len(train_loader), v))
with torch.no_grad():
    net.eval()
    rmse = ((net(xte) - yte) ** 2).mean().sqrt().item()
w.close()
print("RESULT rmse_without_label_noise %.4f val_mse %.4f" % (rmse, v))
