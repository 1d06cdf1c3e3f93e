import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

mode = sys.argv[1]
writer = DiagWriter(sys.argv[2])
torch.set_num_threads(1)
np.random.seed(42); torch.manual_seed(42)


def c_to_f(c):
    return c * 1.8 + 32


n = 2000
if mode == "faulty":
    x = np.random.randint(-500, 500, size=(n, 1)).astype(np.float32)
    lr = 3e-6
else:
    x = np.random.randn(n, 1).astype(np.float32)
    lr = 1e-2
y = np.array([c_to_f(c) + np.random.randn() * 0.3 for c in x], dtype=np.float32).reshape(n, 1)
x, y = torch.from_numpy(x), torch.from_numpy(y)

model = nn.Linear(1, 1)
mse = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=lr)
writer.watch(model, optimizer, mse)

bs = 64
step = 0
for epoch in range(30):
    order = torch.randperm(n)
    losses = []
    for i in range(0, n, bs):
        xb, yb = x[order[i:i + bs]], y[order[i:i + bs]]
        loss = mse(model(xb), yb)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        step += 1
        writer.add_scalar("train/bias", model.bias.item(), step)
    if epoch % 5 == 0 or epoch == 29:
        print(epoch, np.mean(losses), "a", round(model.weight.item(), 4), "b", round(model.bias.item(), 4))
writer.close()
