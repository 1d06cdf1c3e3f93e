import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(6)

input1 = np.array([[2], [1], [4], [3], [5]])
input2 = np.array([[2, 1, 8, 4], [2, 6, 1, 9], [7, 3, 1, 4], [3, 1, 6, 10], [3, 2, 7, 5]])
outputs = np.array([[3, 3, 1, 0], [3, 3, 3, 0], [3, 3, 4, 0], [3, 3, 1, 0], [3, 3, 4, 0]])

merged = torch.tensor(np.column_stack([input1, input2]), dtype=torch.float32)
outputs = torch.tensor(outputs, dtype=torch.float32)

layers = [nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4)]
if form == "faulty":
    layers.append(nn.Sigmoid())
model = nn.Sequential(*layers)
for p in model.parameters():
    nn.init.xavier_uniform_(p) if p.dim() == 2 else nn.init.zeros_(p)

mean_squared_error = nn.MSELoss()
adam = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, adam, mean_squared_error)

for epoch in range(3000):
    rows = torch.randperm(5)
    adam.zero_grad()
    loss = mean_squared_error(model(merged[rows]), outputs[rows])
    loss.backward()
    adam.step()
    if epoch % 300 == 299:
        print(f"Epoch {epoch + 1} loss {loss.item():.5f}")

model.eval()
with torch.no_grad():
    pred = model(merged)
for p, t in zip(pred, outputs):
    print([round(v, 2) for v in p.tolist()], t.tolist())
writer.close()
print(f"RESULT mse {((pred - outputs) ** 2).mean().item():.5f} entries right after rounding {(pred.round() == outputs).float().mean().item():.2f}")
