# linear function of three inputs in 0..10000, softmax output
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(1)
rng = np.random.default_rng(1)


def get_data(count, rweight=0.0):
    x = rng.random((count, 3)) * 10000
    y = x @ np.array([2.0, 1.0, 0.5]) + 2.2 + rweight * rng.standard_normal(count)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)[:, None]


X, Y = get_data(20000)
Xt, Yt = get_data(2000, 0.4)
my, sy = Y.mean(), Y.std()
if not faulty:
    mx, sx = X.mean(0), X.std(0)
    X, Xt = (X - mx) / sx, (Xt - mx) / sx
    Y, Yt = (Y - my) / sy, (Yt - my) / sy

if faulty:
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Dropout(0.5), nn.Linear(3, 2), nn.Tanh(), nn.Dropout(0.5),
                          nn.Linear(2, 1), nn.Softmax(dim=1))
else:
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1))
for m in model:
    if isinstance(m, nn.Linear):
        nn.init.uniform_(m.weight, -0.05, 0.05)
        nn.init.zeros_(m.bias)
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1 if faulty else 0.02, momentum=0.9, nesterov=True)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(5):
    model.train()
    order = torch.randperm(len(X))
    for i in range(0, len(X), 32):
        b = order[i:i + 32]
        optimizer.zero_grad()
        loss = loss_fn(model(X[b]), Y[b])
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        val = loss_fn(model(Xt), Yt).item()
writer.close()
print(f"RESULT val_mse={val:.5g} val_mse/var={val / Yt.var().item():.4f}")
