# sine over time steps 0..999, the time step itself is the input
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == "faulty"
torch.manual_seed(0)
T = 1000
X = torch.arange(T, dtype=torch.float32)[:, None]
Y = torch.sin(3.5 * np.pi * X / T)
if not faulty:
    X = (X - X.mean()) / X.std()

model = nn.Sequential(nn.Linear(1, 10), nn.Tanh(), nn.Linear(10, 10), nn.Tanh(), nn.Linear(10, 1))
for m in model:
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_fn)
for epoch in range(120):
    order = torch.randperm(T)
    for i in range(0, T, 32):
        b = order[i:i + 32]
        optimizer.zero_grad()
        loss = loss_fn(model(X[b]), Y[b])
        loss.backward()
        optimizer.step()
writer.close()
with torch.no_grad():
    mse = loss_fn(model(X), Y).item()
print(f"RESULT mse={mse:.4f} relative_to_variance={mse / Y.var().item():.4f}")
