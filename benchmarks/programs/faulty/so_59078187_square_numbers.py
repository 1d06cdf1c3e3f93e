import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(1)

# Load the dataset
x_train = np.linspace(0, 10, 1000)
y_train = np.power(x_train, 2.0)
x_test = np.linspace(0.05, 9.95, 100)
y_test = np.power(x_test, 2.0)


def column(a):
    return torch.tensor(a, dtype=torch.float32).view(-1, 1)


loader = DataLoader(TensorDataset(column(x_train), column(y_train)), batch_size=32, shuffle=True)
x_test, y_test = column(x_test), column(y_test)

# Build the model by stacking layers
if form == "faulty":
    model = nn.Sequential(nn.Linear(1, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10), nn.Softmax(dim=1))
else:
    model = nn.Sequential(nn.Linear(1, 128), nn.ReLU(), nn.Linear(128, 1))
for m in model:
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)


def mse(pred, y):
    return ((pred - y) ** 2).mean()


optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, mse)

# Train and evaluate the model
for epoch in range(150):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = mse(model(x), y)
        loss.backward()
        optimizer.step()
    if epoch % 5 == 4:
        with writer.evaluating("val"):
            pred = model(x_test)
            val = writer.loss_fn(pred, y_test).item()
            mae = (pred - y_test).abs().mean().item()
        print(f"Epoch {epoch + 1} loss {loss.item():.3f} test {val:.3f} mae {mae:.3f}")

writer.close()
print(f"RESULT test mse {val:.3f} mae {mae:.3f} (variance of the test targets {y_test.var().item():.1f})")
