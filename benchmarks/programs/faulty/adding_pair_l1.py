import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
np.random.seed(1337)
torch.manual_seed(1337)


def numbers(count):
    """two numbers are the features, their sum is the target"""
    X = np.random.uniform(0, 2, size=(count, 2))
    y = X.sum(axis=1, keepdims=True) + 0.02 * np.random.randn(count, 1)
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


def build(activation):
    model = nn.Sequential()
    dense = nn.Linear(2, 1)
    nn.init.uniform_(dense.weight, -0.05, 0.05)
    nn.init.zeros_(dense.bias)
    model.append(dense)
    if activation == "tanh":
        model.append(nn.Tanh())
    return model


X_train, y_train = numbers(2000)
X_test, y_test = numbers(500)
train = DataLoader(TensorDataset(X_train, y_train), batch_size=16, shuffle=True)

model = build("tanh" if form == "faulty" else "linear")
objective = nn.L1Loss()
rmsprop = torch.optim.RMSprop(model.parameters(), lr=0.001, alpha=0.9, eps=1e-6)
writer = DiagWriter(logdir)
writer.watch(model, rmsprop, objective, train_loader=train)

nb_epoch = 20
for epoch in range(nb_epoch):
    seen, total = 0, 0.0
    for X, y in train:
        rmsprop.zero_grad()
        loss = objective(model(X), y)
        loss.backward()
        rmsprop.step()
        seen += len(X)
        total += loss.item() * len(X)
    with writer.evaluating("val"):
        score = objective(model(X_test), y_test).item()
    print(f"Epoch {epoch} {seen}/{len(X_train)} - loss: {total / seen:.4f} - val. loss: {score:.4f}")

writer.close()
with torch.no_grad():
    for row, real in zip(X_test[:4], y_test[:4]):
        print(row.tolist(), "->", model(row).item(), "real", real.item())
print(f"RESULT test_mae={score:.4f}")
