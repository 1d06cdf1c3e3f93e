# learning sine with a deep and narrow relu net
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(2)
torch.manual_seed(0)

if sys.argv[1] == "faulty":
    model = nn.Sequential(nn.Linear(1, 5), nn.ReLU(), nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 5), nn.ReLU(),
                          nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 1))
else:   # wide seems better for this task
    model = nn.Sequential(nn.Linear(1, 100), nn.ReLU(), nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 1))
for m in model:   # glorot like keras
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)

x = torch.linspace(-np.pi, np.pi, 100).unsqueeze(1)
y = torch.sin(x)
data = torch.tensor((np.random.random((24000, 1)) - .5) * 2 * np.pi, dtype=torch.float32)
vals = torch.sin(data)

loss_fn = nn.MSELoss()
sgd = torch.optim.SGD(model.parameters(), lr=0.03)
writer = DiagWriter(sys.argv[2])
writer.watch(model, sgd, loss_fn)
for epoch in range(5):
    perm = torch.randperm(len(data))
    for i in range(0, len(data), 32):
        xb, yb = data[perm[i:i + 32]], vals[perm[i:i + 32]]
        sgd.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        sgd.step()
    with writer.evaluating("val"):
        v = loss_fn(model(x), y)
    print(epoch, loss.item(), v.item(), flush=True)
writer.close()
print(f"RESULT val mse {v.item():.6f}")
