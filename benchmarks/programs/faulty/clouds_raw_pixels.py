"""Binary classification of 2-D points, sigmoid MLP (Stack Overflow: 'simpler' data, but worse performance)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(0)
rs = np.random.RandomState(0)


class Model(nn.Module):
    def __init__(self, input_size, H1, output_size):
        super().__init__()
        self.linear = nn.Linear(input_size, H1)
        self.linear2 = nn.Linear(H1, output_size)

    def forward(self, x):
        x = torch.sigmoid(self.linear(x))
        x = torch.sigmoid(self.linear2(x))
        return x

    def predict(self, x):
        return (self.forward(x) >= 0.5).float()


def make_points(n):
    # two clouds on a 0..180 picture, curved border between them
    a = rs.uniform(0, np.pi, n // 2)
    up = np.c_[92 + 45 * np.cos(a), 75 + 60 * np.sin(a)]
    dn = np.c_[137 - 45 * np.cos(a), 115 - 60 * np.sin(a)]
    x = np.r_[up, dn] + rs.normal(0, 6, (n, 2))
    y = np.r_[np.zeros(n // 2), np.ones(n // 2)]
    p = rs.permutation(n)
    return torch.tensor(x[p], dtype=torch.float32), torch.tensor(y[p], dtype=torch.float32).reshape(-1, 1)


x_data, y_data = make_points(600)
x_val, y_val = make_points(300)
if form == "fixed":
    mu, sd = x_data.mean(), x_data.std()
    x_data, x_val = (x_data - mu) / sd, (x_val - mu) / sd

model = Model(2, 16, 1)
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01 if form == "fixed" else 0.001)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

epochs = 2500
losses = []
for i in range(epochs):
    y_pred = model.forward(x_data)
    loss = criterion(y_pred, y_data)
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if (i + 1) % 250 == 0:
        with writer.evaluating("val"):
            v = criterion(model(x_val), y_val)
            acc = (model.predict(x_val) == y_val).float().mean()
        print("epoch:", i + 1, "loss: %.4f val: %.4f acc: %.3f" % (loss.item(), v.item(), acc.item()))
print("RESULT val loss %.4f acc %.3f" % (v.item(), acc.item()))
writer.close()
