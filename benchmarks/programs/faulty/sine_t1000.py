"""Keras toy model that should fit one sine curve over T=1000 time steps (port)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
np.random.seed(7)
torch.manual_seed(7)

T = 1000
X = np.array(range(T), dtype=np.float32)
Y = np.sin(3.5 * np.pi * X / T).astype(np.float32)
if mode == "fixed":
    X = (X - X.mean()) / X.std()
X = torch.from_numpy(X).reshape(-1, 1)
Y = torch.from_numpy(Y).reshape(-1, 1)


def dense(n_in, n_out):
    # keras: glorot_uniform kernel, zero bias
    layer = nn.Linear(n_in, n_out)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


model = nn.Sequential(
    dense(1, 20), nn.Tanh(),
    dense(20, 20), nn.Tanh(),
    dense(20, 20), nn.Tanh(),
    dense(20, 1),
)
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters())

writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

batch_size = 20
for epoch in range(1, 161):
    perm = torch.randperm(T)
    total = 0.0
    for i in range(0, T, batch_size):
        idx = perm[i:i + batch_size]
        optimizer.zero_grad()
        loss = criterion(model(X[idx]), Y[idx])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
    if epoch % 10 == 0:
        print("Epoch %d/160 - loss: %.5f" % (epoch, total / T))
writer.close()
