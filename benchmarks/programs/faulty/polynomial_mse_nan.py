# y = 2x^3 + 7x^2 - 8x + 120, can a network learn it?
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.preprocessing import MinMaxScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(0)
torch.manual_seed(0)

# Load datasets (test_100.csv)
x = np.random.uniform(-1000, 1000, (100, 1))
y = 2 * x ** 3 + 7 * x ** 2 - 8 * x + 120
x_temp_train, y_temp_train = x[:79], y[:79]
x_temp_test, y_temp_test = x[79:], y[79:]

if sys.argv[1] == "fixed":
    sx, sy = MinMaxScaler(), MinMaxScaler()
    x_temp_train, x_temp_test = sx.fit_transform(x_temp_train), sx.transform(x_temp_test)
    y_temp_train, y_temp_test = sy.fit_transform(y_temp_train), sy.transform(y_temp_test)

x_train = torch.FloatTensor(x_temp_train)
y_train = torch.FloatTensor(y_temp_train)
x_test = torch.FloatTensor(x_temp_test)
y_test = torch.FloatTensor(y_temp_test)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(1, 50)
        self.fc2 = nn.Linear(50, 50)
        self.out = nn.Linear(50, 1)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.out(x)


net = Net()
loss_func = nn.MSELoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, loss_func)
for epoch in range(3000):
    prediction = net(x_train)
    loss = loss_func(prediction, y_train)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 100 == 0:
        with writer.evaluating("test"):
            t = loss_func(net(x_test), y_test)
        print(epoch, loss.item(), t.item())
with writer.evaluating("test"):
    t = loss_func(net(x_test), y_test)
writer.close()
r2 = 1 - t.item() / y_test.var().item()
print(f"RESULT train {loss.item():.5g} test {t.item():.5g} R2 {r2:.4f}")
