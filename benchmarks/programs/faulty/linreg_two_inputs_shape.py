# straightforward linear regression, checking that torch gives me back 9, -2 and 10
import sys
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)

sample_size = 100
x = torch.randn((sample_size, 2))
eps = torch.randn(sample_size)
y = 10 + 9 * x[:, 0] - 2 * x[:, 1] + eps
x_new = torch.randn((50, 2))
y_new = 10 + 9 * x_new[:, 0] - 2 * x_new[:, 1] + torch.randn(50)
if sys.argv[1] == "fixed":
    y = y.reshape(sample_size, 1)
    y_new = y_new.reshape(50, 1)

model = nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=.1)
loss_func = nn.MSELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, loss_func)
for epoch in range(200):
    optimizer.zero_grad()
    yhat = model(x)
    loss_val = loss_func(yhat, y)
    loss_val.backward()
    optimizer.step()
    if epoch % 20 == 0:
        with writer.evaluating("val"):
            v = loss_func(model(x_new), y_new)
        print(epoch, loss_val.item(), v.item())

print(model.weight.data)
print(model.bias.data)
writer.close()
true_mse = ((model(x_new).squeeze() - y_new.squeeze()) ** 2).mean().item()
print(f"RESULT train loss {loss_val.item():.4f} mse on new data {true_mse:.4f}")
