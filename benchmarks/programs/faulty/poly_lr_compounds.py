import argparse
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument("form"); parser.add_argument("logdir")
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--power", type=float, default=0.9)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(11)
g = np.random.default_rng(11)

# strokes of a plotter pen: which of 6 figures was drawn?  32 points (x, y), different speed, jitter, rotation
def figure(c):
    t = np.linspace(0, 2 * np.pi, 32) + g.uniform(-.3, .3)
    t = t + .35 * np.sin(t + g.uniform(0, 6))
    a, b = [(1, 2), (2, 3), (3, 2), (1, 3), (3, 4), (2, 1)][c]
    p = np.stack([np.sin(a * t), np.sin(b * t + g.uniform(.2, .9))])
    th = g.uniform(-.5, .5)
    R = np.array([[np.cos(th), -np.sin(th)], [np.sin(th), np.cos(th)]])
    return R @ p * g.uniform(.6, 1.2) + g.normal(0, .42, p.shape)

labels = g.integers(0, 6, 3600)
data = np.stack([figure(c) for c in labels]).astype(np.float32)
ds = TensorDataset(torch.tensor(data), torch.tensor(labels))
train_set, val_set = torch.utils.data.random_split(ds, [2880, 720])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=240)
max_iter = args.epochs * len(train_loader)


class StrokeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv1d(2, 16, 5, padding=2)
        self.c2 = nn.Conv1d(16, 24, 5, padding=2)
        self.fc = nn.Linear(24, 6)

    def forward(self, x):
        x = F.max_pool1d(F.relu(self.c1(x)), 2)
        x = F.relu(self.c2(x))
        return self.fc(x.mean(2))


def adjust_learning_rate(optimizer, i_iter):
    """poly policy of the deeplab papers"""
    for param_group in optimizer.param_groups:
        if args.form == "faulty":
            param_group["lr"] = param_group["lr"] * (1 - i_iter / max_iter) ** args.power
        else:
            param_group["lr"] = base_lr * (1 - i_iter / max_iter) ** args.power


net = StrokeNet()
optimizer = torch.optim.SGD(net.parameters(), lr=args.lr, momentum=0.9)
base_lr = optimizer.param_groups[0]["lr"]
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(args.logdir)
writer.watch(net, optimizer, loss_fn)

it = 0
for epoch in range(args.epochs):
    net.train()
    total = 0.0
    for x, y in train_loader:
        adjust_learning_rate(optimizer, it)
        optimizer.zero_grad()
        loss = loss_fn(net(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
        it += 1
    net.eval()
    vloss, good = 0.0, 0
    with writer.evaluating("val"):
        with torch.no_grad():
            for x, y in val_loader:
                o = net(x)
                vloss += loss_fn(o, y).item() * len(y)
                good += (o.argmax(1) == y).sum().item()
    print("epoch %d train %.4f val %.4f acc %.3f" % (epoch, total / len(train_loader), vloss / 720, good / 720))
writer.close()
print(f"RESULT train {total / len(train_loader):.4f} val_loss {vloss / 720:.4f} val_acc {good / 720:.3f}")
