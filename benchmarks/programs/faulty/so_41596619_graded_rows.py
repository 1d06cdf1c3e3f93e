import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(7)

X = np.array([[0.5, 1, 1], [0.9, 1, 2], [0.8, 0, 1], [0.3, 1, 1], [0.6, 1, 2], [0.4, 0, 1], [0.9, 1, 7], [0.5, 1, 4],
              [0.1, 0, 1], [0.6, 1, 0], [1, 0, 0]])
y = np.array([1, 1, 1, 2, 2, 2, 3, 3, 3, 0, 0])
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y)


def uniform_dense(n_in, n_out):
    layer = nn.Linear(n_in, n_out)
    nn.init.uniform_(layer.weight, -0.05, 0.05)
    nn.init.zeros_(layer.bias)
    return layer


def binary_crossentropy(p, t):
    p = p.clamp(1e-7, 1 - 1e-7)
    t = t.float().view(-1, 1)
    return -(t * p.log() + (1 - t) * (1 - p).log()).mean()


def categorical_crossentropy(p, t):
    return nn.functional.nll_loss(p.clamp(1e-7, 1).log(), t)


if form == "faulty":
    model = nn.Sequential(uniform_dense(3, 12), nn.ReLU(), uniform_dense(12, 1), nn.Sigmoid())
    loss_fn = binary_crossentropy
else:
    model = nn.Sequential(uniform_dense(3, 12), nn.ReLU(), uniform_dense(12, 4), nn.Softmax(dim=1))
    loss_fn = categorical_crossentropy
opt = torch.optim.Adam(model.parameters(), lr=0.01, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, opt, loss_fn)

for epoch in range(1000):
    rows = torch.randperm(len(X))
    opt.zero_grad()
    loss = loss_fn(model(X[rows]), y[rows])
    loss.backward()
    opt.step()
    if epoch % 100 == 99:
        print(f"epoch {epoch + 1} loss {loss.item():.4f}")

# calculate predictions
with torch.no_grad():
    predictions = model(X)
if predictions.shape[1] == 1:
    predicted = predictions.round().long().squeeze(1)
else:
    predicted = predictions.argmax(1)
print(predicted.tolist(), y.tolist())
writer.close()
print(f"RESULT accuracy {(predicted == y).float().mean().item():.3f} last loss {loss.item():.4f}")
