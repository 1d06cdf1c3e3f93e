import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(123)
np.random.seed(123)

data_size = 22000
xdata = np.random.rand(data_size, 30) * 2 - 1
ydata = xdata[:, 1].copy()
xdata = torch.tensor(xdata, dtype=torch.float32)
ydata = torch.tensor(ydata, dtype=torch.float32).unsqueeze(1)
loader = DataLoader(TensorDataset(xdata[:20000], ydata[:20000]), batch_size=32, shuffle=True)
x_val, y_val = xdata[20000:], ydata[20000:]


def dense(n_in, n_out):
    m = nn.Linear(n_in, n_out)
    nn.init.xavier_uniform_(m.weight)
    nn.init.zeros_(m.bias)
    return m


if form == "faulty":
    model = nn.Sequential(dense(30, 1), nn.ReLU(), dense(1, 1), nn.Sigmoid())
else:
    model = nn.Sequential(dense(30, 1), dense(1, 1))

optimizer = torch.optim.Adam(model.parameters(), lr=0.01, eps=1e-7)
loss_object = nn.MSELoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_object)

for epoch in range(6):
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_object(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    with writer.evaluating("val"):
        val = loss_object(model(x_val), y_val).item()
    print(f"epoch {epoch + 1} loss {total / len(loader):.5f} val {val:.5f}")

writer.close()
print(f"RESULT val mse {val:.5f} (variance of the targets {y_val.var().item():.5f})")
