# product of two integers 0..500: raw numbers, relu on the output
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(2)
rng = np.random.default_rng(0)
ab = rng.integers(0, 500, (5000, 2))
X = torch.tensor(ab, dtype=torch.float32)
Y = torch.tensor(ab[:, 0] * ab[:, 1], dtype=torch.float32)[:, None]
if not faulty:
    X = (X - X.mean(0)) / X.std(0)
    Y = (Y - Y.mean()) / Y.std()

layers = [nn.Linear(2, 3)] + ([] if faulty else [nn.ReLU()])
layers += [nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 3), nn.ReLU(), nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 1)]
layers += [nn.ReLU()] if faulty else []
model = nn.Sequential(*layers)
for m in model:
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(10):
    order = torch.randperm(len(X))
    for i in range(0, len(X), 10):
        b = order[i:i + 10]
        optimizer.zero_grad()
        loss = loss_fn(model(X[b]), Y[b])
        loss.backward()
        optimizer.step()
writer.close()
with torch.no_grad():
    mse = loss_fn(model(X), Y).item()
print(f"RESULT mse={mse:.4g} relative_to_variance={mse / Y.var().item():.4f}")
