import sys
import numpy as np
import torch
from torch import nn
from sklearn.preprocessing import MinMaxScaler
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(7)
rng = np.random.default_rng(7)

# age, gender, miles per day, debt, income -> money spent on a car
n = 963
age = rng.integers(19, 76, n)
gender = rng.integers(0, 2, n)
miles = rng.integers(8, 41, n)
debt = rng.exponential(3000, n).round()
income = rng.normal(5500, 1800, n).clip(1200).round()
sales = (1500 + 60 * age + 1.7 * income + 180 * miles - 0.3 * debt + 400 * gender + rng.normal(0, 900, n)).clip(500).round()
dataset = np.column_stack([age, gender, miles, debt, income, sales]).astype(np.float64)

x = MinMaxScaler().fit_transform(dataset[:, 0:5])
y = dataset[:, 5].reshape(-1, 1)
if form == "fixed":
    y = MinMaxScaler().fit_transform(y)
cut = int(n * 0.8)
x = torch.tensor(x, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32)
x_train, x_val, y_train, y_val = x[:cut], x[cut:], y[:cut], y[cut:]

model = nn.Sequential(nn.Linear(5, 12), nn.ReLU(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 1), nn.Sigmoid())
for layer in model:
    if isinstance(layer, nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
nn.init.normal_(model[0].weight, std=0.05)

loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, loss_fn)

for epoch in range(150):
    perm = torch.randperm(cut)
    losses = []
    for idx in perm.split(50):
        optimizer.zero_grad()
        loss = loss_fn(model(x_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with writer.evaluating("val"):
        pred = model(x_val)
        val_mse = loss_fn(pred, y_val).item()
    if (epoch + 1) % 10 == 0:
        print(f"Epoch {epoch + 1}/150 loss {np.mean(losses):.5f} val_mse {val_mse:.5f}")

writer.close()
r2 = 1 - val_mse / y_val.var(unbiased=False).item()
print(f"RESULT val mse {val_mse:.5g} val R2 {r2:.3f}")
