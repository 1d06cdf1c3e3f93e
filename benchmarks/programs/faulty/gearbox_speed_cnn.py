"""Gearbox health from torque-side vibration, 1-D CNN. Test rig with a variable speed drive (simulated): 6 speeds, 4 conditions."""
import argparse
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

p = argparse.ArgumentParser()
p.add_argument("form"); p.add_argument("logdir"); p.add_argument("--epochs", type=int, default=8)
args = p.parse_args()
torch.manual_seed(4); np.random.seed(4); torch.set_num_threads(1)
SPEEDS = [14., 18., 22., 26., 30., 34.]
FS, N = 1024, 320

def session(speed, n):
    X, y = [], np.random.randint(0, 4, n)
    t = np.arange(N) / FS
    for k in y:
        f = speed * np.random.uniform(.98, 1.02); p = np.random.uniform(0, 2*np.pi, 4)
        load = np.random.uniform(.7, 1.3) * (speed / 22) ** .8
        s = load * np.sin(2*np.pi*6*f*t + p[0]) + .4 * np.sin(2*np.pi*f*t + p[1])
        if k == 1: s += .8 * np.sin(2*np.pi*f*t + p[2])
        if k == 2: s *= 1 + .8 * np.sin(2*np.pi*f*t + p[2])
        if k == 3: s += .7 * np.sin(2*np.pi*9*f*t + p[2])
        X.append(s + .3 * np.random.randn(N))
    return np.array(X, "float32"), y, np.full(n, speed)

parts = [session(s, 600) for s in SPEEDS]
X, y, spd = (np.concatenate(c) for c in zip(*parts))
order = np.random.permutation(len(X)); X, y, spd = X[order], y[order], spd[order]
if args.form == "faulty":
    test_idx = np.where(spd >= 30)[0]; rest = np.where(spd < 30)[0]      # last campaign = test set
else:
    test_idx, rest = np.arange(0, 1200), np.arange(1200, len(X))
val_idx, train_idx = rest[:400], rest[400:]
ds = lambda i: TensorDataset(torch.tensor(X[i] / X[train_idx].std())[:, None], torch.tensor(y[i]))
train, val, test = DataLoader(ds(train_idx), 32, shuffle=True), DataLoader(ds(val_idx), 200), DataLoader(ds(test_idx), 200)

def block(i, o, k): return [nn.Conv1d(i, o, k, padding=k // 2), nn.BatchNorm1d(o), nn.ReLU(), nn.MaxPool1d(4)]
model = nn.Sequential(*block(1, 16, 33), *block(16, 32, 9), *block(32, 48, 5), nn.Flatten(), nn.Linear(48 * 5, 48), nn.ReLU(), nn.Linear(48, 4))
optimizer = torch.optim.Adam(model.parameters(), 1e-3); criterion = nn.CrossEntropyLoss()
writer = DiagWriter(args.logdir); writer.watch(model, optimizer, criterion)

def score(loader, name):
    model.eval(); c = 0
    with writer.evaluating(name):
        for a, b in loader:
            o = model(a); criterion(o, b); c += (o.argmax(1) == b).sum().item()
    return c / len(loader.dataset)
for e in range(args.epochs):
    model.train()
    for a, b in train:
        optimizer.zero_grad(); loss = criterion(model(a), b); loss.backward(); optimizer.step()
    va, te = score(val, "val"), score(test, "test")
    print("epoch %d loss %.4f val %.3f test %.3f" % (e, loss.item(), va, te))
writer.close()
print("RESULT val_accuracy %.4f test_accuracy %.4f" % (va, te))
