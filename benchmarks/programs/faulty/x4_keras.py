# Why do I fail to predict y=x**4 (y=x**3 works)?
import sys

import numpy as np
import torch
from torch import nn

from tb_lossdiag import DiagWriter

form = sys.argv[1]
torch.manual_seed(0)

x = np.arange(-100, 100, 0.5)
y = x ** 4
scale_x, scale_y = 1.0, 1.0
if form == "fixed":
    scale_x, scale_y = x.max(), y.max()

x_t = torch.tensor(x / scale_x, dtype=torch.float32).reshape(-1, 1)
y_t = torch.tensor(y / scale_y, dtype=torch.float32).reshape(-1, 1)

model = nn.Sequential(nn.Linear(1, 50), nn.Sigmoid(), nn.Linear(50, 50), nn.ELU(), nn.Linear(50, 1))
for m in model:                                   # keras' glorot_uniform and zero biases
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)
loss_fn = nn.MSELoss()
opt = torch.optim.Adam(model.parameters())
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, loss_fn)

for i in range(4):
    for _ in range(1000):
        opt.zero_grad()
        loss = loss_fn(model(x_t), y_t)
        loss.backward()
        opt.step()
    with torch.no_grad():
        predictions = model(x_t).numpy()[:, 0] * scale_y
    print(i, " ", np.mean(np.square(predictions - y)), " R2:", 1 - np.mean(np.square(predictions - y)) / y.var())
writer.close()
