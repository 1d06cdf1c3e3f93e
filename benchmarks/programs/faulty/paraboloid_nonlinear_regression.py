import sys

import numpy as np
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.set_num_threads(1)
np.random.seed(42)
torch.manual_seed(42)

# z = x^2 + y^2 for random points of the unit square
x = np.random.random(1000)
y = np.random.random(1000)
z = x**2 + y**2
input_data = torch.Tensor(np.transpose([x, y]))
output_data = torch.Tensor(z)
if form == "fixed":
    output_data = output_data.unsqueeze(1)

input_training, input_validation, output_training, output_validation = train_test_split(
    input_data, output_data, random_state=42, test_size=0.15, shuffle=True)


class NonLinearRegression(torch.nn.Module):
    def __init__(self):
        super(NonLinearRegression, self).__init__()
        self.linear_1 = nn.Linear(in_features=2, out_features=10)
        self.act_1 = nn.ReLU()
        self.linear_2 = nn.Linear(in_features=10, out_features=5)
        self.act_2 = nn.ReLU()
        self.linear_3 = nn.Linear(in_features=5, out_features=1)

    def forward(self, x):
        x = self.linear_1(x)
        x = self.act_1(x)
        x = self.linear_2(x)
        x = self.act_2(x)
        return self.linear_3(x)


def squared_error(prediction, target):
    return ((prediction - target) ** 2).mean()


model = NonLinearRegression()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

writer = DiagWriter(logdir)
writer.watch(model, optimizer, squared_error)

losses = []
epochs = 1500
for epoch in range(epochs):
    model.train()
    y_pred = model(input_training)
    loss = squared_error(y_pred, output_training)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())

    if epoch % 10 == 0:
        model.eval()
        with writer.evaluating("val"):
            val = writer.loss_fn(model(input_validation), output_validation).item()
        if epoch % 300 == 0:
            print(f"epoch: {epoch}, loss: {loss.item():.5f}, validation: {val:.5f}")

writer.close()

model.eval()
with torch.no_grad():
    guess = model(input_validation).numpy().ravel()
truth = output_validation.numpy().ravel()
rmse = float(np.sqrt(np.mean((guess - truth) ** 2)))
r2 = 1 - np.mean((guess - truth) ** 2) / np.var(truth)
print(f"RESULT validation_rmse {rmse:.4f} r2 {r2:.4f}")
