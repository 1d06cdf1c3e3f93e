# y = 5 x^2 + noise with plain sgd, lr 0.1
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
rng = np.random.default_rng(7)
X = np.arange(0.0, 5.0, 0.1, dtype="float32").reshape(-1, 1)
Y = 5 * X ** 2 + rng.standard_normal((50, 1)) ** 3
X, Y = torch.tensor(X), torch.tensor(Y, dtype=torch.float32)

model = nn.Sequential(nn.Linear(1, 50), nn.ReLU(), nn.Linear(50, 30), nn.ReLU(), nn.Linear(30, 1))
nn.init.xavier_uniform_(model[0].weight)
nn.init.uniform_(model[2].weight, -0.05, 0.05)
nn.init.xavier_uniform_(model[4].weight)
for m in (model[0], model[2], model[4]):
    nn.init.zeros_(m.bias)
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1 if faulty else 0.001)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(1000):
    order = torch.randperm(50)
    for i in (0, 32):
        b = order[i:i + 32]
        optimizer.zero_grad()
        loss = loss_fn(model(X[b]), Y[b])
        loss.backward()
        optimizer.step()
writer.close()
with torch.no_grad():
    mse = loss_fn(model(X), Y).item()
print(f"RESULT mse={mse:.4f} relative_to_variance={mse / Y.var().item():.4f}")
