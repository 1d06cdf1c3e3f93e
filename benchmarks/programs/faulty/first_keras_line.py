import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
np.random.seed(0)
torch.manual_seed(0)

x = 1.0 * np.arange(200)
y = 2.0 * x + 0.5 * np.random.randn(200)
x_new = np.random.uniform(0, 199, 80)
y_new = 2.0 * x_new + 0.5 * np.random.randn(80)


def column(a):
    return torch.tensor(a, dtype=torch.float32).unsqueeze(1)


class Decay(torch.optim.lr_scheduler.LambdaLR):
    """lr / (1 + decay * updates)"""

    def __init__(self, optimizer, decay):
        super().__init__(optimizer, lambda updates: 1.0 / (1.0 + decay * updates))


model = nn.Sequential(nn.Linear(1, 1))
nn.init.xavier_uniform_(model[0].weight)
nn.init.zeros_(model[0].bias)

if form == "faulty":
    lr = 0.001
else:
    lr = 0.00001
sgd = torch.optim.SGD(model.parameters(), lr=lr, momentum=0, nesterov=False)
decay = Decay(sgd, 1e-6)
mean_squared_error = nn.MSELoss()

loader = DataLoader(TensorDataset(column(x), column(y)), batch_size=1, shuffle=True)
writer = DiagWriter(logdir)
writer.watch(model, sgd, mean_squared_error, train_loader=loader)

nb_epoch = 30
for epoch in range(1, nb_epoch + 1):
    total = 0.0
    for xb, yb in loader:
        sgd.zero_grad()
        loss = mean_squared_error(model(xb), yb)
        loss.backward()
        sgd.step()
        decay.step()
        total += loss.item()
    with writer.evaluating("val"):
        val = mean_squared_error(model(column(x_new)), column(y_new)).item()
    if epoch % 3 == 1:
        print(f"Epoch {epoch}/{nb_epoch} - loss: {total / len(x):.4f} - val_loss: {val:.4f}")

for layer in model:
    weights = [p.detach().numpy().copy() for p in layer.parameters()]
    print(layer)
    print(weights)
with torch.no_grad():
    score = model(column(x[:10]))
print(score.flatten().tolist())
writer.close()
print(f"RESULT val_mse={val:.4f} weight={float(weights[0][0, 0]):.4f}")
