# y = (x - 0.5)^2 on [0, 1), 100 samples, full batch; network with two hidden ReLU layers
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(1)
variant, logdir = sys.argv[1], sys.argv[2]

inputs = np.zeros((100, 1), dtype=np.float32)
targets = np.zeros((100, 1), dtype=np.float32)
for i in range(100):
    inputs[i] = 0.01 * i
    targets[i, 0] = np.power(inputs[i, 0] - 0.5, 2)
inputs, targets = torch.from_numpy(inputs), torch.from_numpy(targets)
grid = torch.linspace(0.003, 0.987, 77).unsqueeze(1)
truth = (grid - 0.5) ** 2

model = nn.Sequential(nn.Linear(1, 20), nn.ReLU(), nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, 1))
for m in model:
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)
optimizer = torch.optim.SGD(model.parameters(), lr=0.001 if variant == "faulty" else 0.3)
mse = nn.MSELoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, mse)
for it in range(8000):
    optimizer.zero_grad()
    loss = mse(model(inputs), targets)
    loss.backward()
    optimizer.step()
    if it % 400 == 0:
        writer.add_scalar("Loss/train", loss.item(), it)
        with writer.evaluating("val"):
            val = mse(model(grid), truth)
        print(it, loss.item(), val.item())
with writer.evaluating("val"):
    val = mse(model(grid), truth)
writer.close()
print("RESULT mse", f"{val.item():.6f}", "r2", round(1 - val.item() / truth.var().item(), 4))
