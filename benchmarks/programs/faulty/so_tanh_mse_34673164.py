"""Keras MLP (64 tanh, dropout, 64 tanh, dropout, 2 softmax) on a 16-column csv, moved to PyTorch.

    model.add(Dense(64, input_dim=16, init='uniform')) ... loss='mean_squared_error', SGD(lr=0.1, momentum=0.9, nesterov)
"""
import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
rng = np.random.default_rng(3)
torch.manual_seed(3)

# 16 measured columns as they come out of the csv (counts, prices, ratios, milliseconds), label yes/no
n = 2600
f = rng.normal(size=(n, 5))
mix = rng.normal(size=(5, 16)) * .8
Z = f @ mix + .7 * rng.normal(size=(n, 16))
score = 1.1 * f[:, 0] - .9 * f[:, 1] + 1.2 * f[:, 2] * f[:, 3] + .6 * np.abs(f[:, 4]) + .7 * rng.normal(size=n)
y = (score > np.median(score)).astype(int)
loc = np.array([1200, 35, .4, 7, 880, 15, 2.2, 64, 310, 5, .05, 98, 450, 27, 1.5, 2010])
scale = np.array([260, 9, .15, 2, 140, 4, .8, 12, 90, 2, .02, 6, 170, 8, .5, 4])
X = (Z * scale + loc).astype("float32")

ntr = 2000
tr = TensorDataset(torch.from_numpy(X[:ntr]), torch.from_numpy(np.eye(2, dtype="float32")[y[:ntr]]))
Xv, yv = torch.from_numpy(X[ntr:]), torch.from_numpy(np.eye(2, dtype="float32")[y[ntr:]])


def dense(i, o):
    layer = nn.Linear(i, o)
    nn.init.uniform_(layer.weight, -.05, .05)      # init='uniform' of Keras
    nn.init.zeros_(layer.bias)
    return layer


layers = [dense(16, 64), nn.Tanh(), nn.Dropout(0.5), dense(64, 64), nn.Tanh(), nn.Dropout(0.5), dense(64, 2), nn.Softmax(dim=1)]
if mode != "faulty":
    layers.insert(0, nn.BatchNorm1d(16))           # the answer: normalise what goes in
model = nn.Sequential(*layers)
loss_fn = nn.MSELoss()
sgd = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)

writer = DiagWriter(logdir)
writer.watch(model, sgd, loss_fn)

loader = DataLoader(tr, batch_size=16, shuffle=True)
for epoch in range(20):
    model.train()
    hit = tot = 0
    for xb, yb in loader:
        p = model(xb)
        loss = loss_fn(p, yb)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        hit += (p.argmax(1) == yb.argmax(1)).sum().item()
        tot += len(xb)
    model.eval()
    with writer.evaluating("val"), torch.no_grad():
        p = model(Xv)
        vloss = loss_fn(p, yv).item()
    vacc = (p.argmax(1) == yv.argmax(1)).float().mean().item()
    print("Epoch %d acc %.3f - val_loss %.4f val_acc %.3f" % (epoch + 1, hit / tot, vloss, vacc))
writer.close()
print(f"RESULT val_mse {vloss:.4f} val_acc {vacc:.4f}")
