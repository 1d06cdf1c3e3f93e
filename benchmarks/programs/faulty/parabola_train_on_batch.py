# y = (x - 0.5)^2 from 100 samples, regress until the loss has settled
import sys
import numpy as np
import torch
from torch.nn import Linear, MSELoss, ReLU, Sequential
from torch.optim import SGD
from tb_lossdiag import DiagWriter

which, logdir = sys.argv[1:]
torch.set_num_threads(1)
torch.manual_seed(1)

inputs = np.zeros((100, 1), dtype=np.float32)
targets = np.zeros((100, 1), dtype=np.float32)
for i in range(100):
    inputs[i] = 0.01 * i
    targets[i, 0] = np.power(inputs[i, 0] - 0.5, 2)
inputs, targets = torch.from_numpy(inputs), torch.from_numpy(targets)
between_x = torch.rand(60, 1)
between_y = (between_x - 0.5) ** 2

model = Sequential(Linear(1, 16), ReLU(), Linear(16, 16), ReLU(), Linear(16, 1))
for layer in model:
    if isinstance(layer, Linear):
        torch.nn.init.xavier_uniform_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
sgd = SGD(model.parameters(), lr=0.1 if which == "fixed" else 0.001)
criterion = MSELoss()
writer = DiagWriter(logdir)
writer.watch(model, sgd, criterion)

step = 0
while step < 3000:
    sgd.zero_grad()
    loss = criterion(model(inputs), targets)
    loss.backward()
    sgd.step()
    step += 1
    if step % 150 == 0:
        with writer.evaluating("val"):
            v = criterion(model(between_x), between_y).item()
        print(step, f"{loss.item():.6f} {v:.6f}")
writer.close()
print("RESULT r2_between", 1 - v / between_y.var(unbiased=False).item())
