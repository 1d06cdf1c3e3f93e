import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:]
torch.set_num_threads(1)
torch.manual_seed(3)

X = np.arange(0.0, 10.0, 0.05)
Y = 0.05 * (15.72807 * X - 7.273893 * X ** 2 + 1.4912 * X ** 3 - 0.1384615 * X ** 4 + 0.00474359 * X ** 5)
X = torch.tensor(X, dtype=torch.float32).view(-1, 1)
Y = torch.tensor(Y, dtype=torch.float32).view(-1, 1)
held_out = torch.arange(len(X)) % 5 == 2
x_train, y_train = X[~held_out], Y[~held_out]
x_test, y_test = X[held_out], Y[held_out]


def build_model():
    if form == "faulty":
        layers = [nn.Linear(1, 1), nn.Linear(1, 5), nn.Linear(5, 1)]
    else:
        layers = [nn.Linear(1, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 1)]
    for m in layers:
        if isinstance(m, nn.Linear):
            nn.init.xavier_uniform_(m.weight)
            nn.init.zeros_(m.bias)
    return nn.Sequential(*layers)


model = build_model()
mae = nn.L1Loss()
adam = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, adam, mae)

batch_size = 10
for epoch in range(300):
    shuffled = torch.randperm(len(x_train))
    total = 0.0
    for start in range(0, len(x_train), batch_size):
        rows = shuffled[start:start + batch_size]
        adam.zero_grad()
        loss = mae(model(x_train[rows]), y_train[rows])
        loss.backward()
        adam.step()
        total += loss.item() * len(rows)
    with writer.evaluating("val"):
        test_loss = mae(model(x_test), y_test).item()
    if epoch % 30 == 29:
        print(f"epoch {epoch + 1}: mae {total / len(x_train):.4f} test mae {test_loss:.4f}")

writer.close()
spread = (y_test - y_test.median()).abs().mean().item()
print(f"RESULT test mae {test_loss:.4f} (of the median: {spread:.4f})")
