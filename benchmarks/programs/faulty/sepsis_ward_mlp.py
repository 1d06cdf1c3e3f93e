"""Readmission within 30 days from 36 ward variables; one hospital, few patients."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
rng = np.random.default_rng(21)
BIG = sys.argv[1] == "faulty"


def patients(n):
    f = rng.standard_normal((n, 8))
    w = W
    x = f @ w + .8 * rng.standard_normal((n, 36))
    logit = 1.3 * f[:, 0] - 1.0 * f[:, 1] + .8 * f[:, 2] * (f[:, 3] > 0) + .4 * x[:, 20] - .2
    y = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    return x.astype(np.float32), y


W = rng.standard_normal((8, 36)) * .6
x_train, y_train = patients(320)
x_val, y_val = patients(1500)
mu, sd = x_train.mean(0), x_train.std(0)
x_train, x_val = torch.tensor((x_train - mu) / sd), torch.tensor((x_val - mu) / sd)
y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)

if BIG:
    model = nn.Sequential(
        nn.Linear(36, 256), nn.ReLU(),
        nn.Linear(256, 256), nn.ReLU(),
        nn.Linear(256, 128), nn.ReLU(),
        nn.Linear(128, 1))
    weight_decay = 0
else:
    model = nn.Sequential(nn.Dropout(.3), nn.Linear(36, 16), nn.ReLU(), nn.Dropout(.5), nn.Linear(16, 1))
    weight_decay = 2e-2

criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=weight_decay)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)

EPOCHS = 60
for epoch in range(EPOCHS):
    model.train()
    losses = []
    for b in torch.randperm(len(x_train)).split(16):
        optimizer.zero_grad()
        loss = criterion(model(x_train[b]).squeeze(1), y_train[b])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        logit = model(x_val).squeeze(1)
        val = criterion(logit, y_val).item()
    acc = ((logit > 0) == (y_val > .5)).float().mean().item()
    if epoch % 4 == 3:
        print(f"Epoch {epoch + 1}: train loss {np.mean(losses):.4f}, val loss {val:.4f}, val acc {acc:.4f}")
writer.close()
print(f"RESULT train loss {np.mean(losses):.4f} val loss {val:.4f} accuracy {acc:.4f}")
