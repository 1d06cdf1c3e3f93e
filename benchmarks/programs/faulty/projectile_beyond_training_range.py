"""Can a network learn the range of a throw, d = v^2 sin(2a)/g (with drag)?  Test it on other speeds."""
import sys
import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import TensorDataset, DataLoader, random_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(8)
np.random.seed(8)
which = sys.argv[1]


def throw(v, a, k):
    d = v ** 2 * np.sin(2 * a) / 9.81 / (1 + k * v / 10)
    return d * (1 + .05 * np.random.randn(len(v))) + .4 * np.random.randn(len(v))


def make(n, vmin, vmax):
    v = np.random.uniform(vmin, vmax, n)
    a = np.random.uniform(.15, 1.4, n)
    k = np.random.uniform(0, .3, n)
    return np.c_[v, a, k], throw(v, a, k)[:, None]


x, y = make(3000, 5, 20)
if which == "faulty":
    x_test, y_test = make(600, 20, 40)      # stronger throws
else:
    x_test, y_test = make(600, 5, 20)
xm, xs, ym, ys = x.mean(0), x.std(0), y.mean(), y.std()
f = lambda a: torch.tensor(a, dtype=torch.float32)
full = TensorDataset(f((x - xm) / xs), f((y - ym) / ys))
train, val = random_split(full, [2500, 500])
test = TensorDataset(f((x_test - xm) / xs), f((y_test - ym) / ys))
train_loader, val_loader, test_loader = DataLoader(train, 50, shuffle=True), DataLoader(val, 500), DataLoader(test, 600)


def getSequentialModel():
    return nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))


model = getSequentialModel()
optimizer = optim.RMSprop(model.parameters(), lr=0.002)
criterion = nn.MSELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)


def evaluate(loader, name):
    with writer.evaluating(name), torch.no_grad():
        return np.mean([criterion(model(xb), yb).item() for xb, yb in loader])


for epoch in range(16):
    running = 0.
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        running += loss.item()
    v = evaluate(val_loader, "val")
    t = evaluate(test_loader, "test")
    if epoch % 4 == 3:
        print("epoch", epoch + 1, "mse %.4f val %.4f test %.4f" % (running / len(train_loader), v, t))
writer.close()
print(f"RESULT train {running / len(train_loader):.4f} val_loss {v:.4f} test_loss {t:.4f}")
