"""Will it rain tomorrow?  Plain PyTorch net on daily station readings (simulated station, 6 readings a day)."""
import sys
import numpy as np
import torch
from torch import nn, optim
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1], sys.argv[2]
SEED = 42
np.random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)

n = 4000
front = np.zeros(n)
for i in range(1, n):
    front[i] = .8 * front[i - 1] + np.random.randn() * .6
season = np.sin(2 * np.pi * np.arange(n) / 365)
pressure = 1013 - 9 * front + 3 * np.random.randn(n)
humidity = np.clip(65 + 15 * front - 8 * season + 6 * np.random.randn(n), 5, 100)
rain = np.maximum(0, 3 * front + 1.5 * np.random.randn(n))
temp = 14 + 9 * season - 2 * front + 2 * np.random.randn(n)
wind = np.abs(12 + 5 * front + 4 * np.random.randn(n))
cloud = np.clip(4 + 2.5 * front + np.random.randn(n), 0, 8)
X = np.stack([rain, humidity, pressure, temp, wind, cloud], 1)[:-1]
y = (front[1:] + .25 * np.random.randn(n - 1) > .35).astype(np.float32)
k = int(.8 * len(X))
mu, sd = X[:k].mean(0), X[:k].std(0)
X = ((X - mu) / sd).astype(np.float32)
X_train, y_train, X_test, y_test = map(torch.from_numpy, (X[:k], y[:k], X[k:], y[k:]))


class Net(nn.Module):
    def __init__(self, n_features):
        super().__init__()
        self.fc1 = nn.Linear(n_features, 5)
        self.fc2 = nn.Linear(5, 3)
        self.fc3 = nn.Linear(3, 1)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return torch.sigmoid(self.fc3(x))


net = Net(X_train.shape[1])
criterion = nn.BCELoss()
optimizer = optim.Adam(net.parameters(), lr=0.001)
writer = DiagWriter(LOGDIR)
writer.watch(net, optimizer, criterion)


def calculate_accuracy(y_true, y_pred):
    return (y_true == y_pred.ge(.5).float()).float().mean().item()


for epoch in range(3000):
    y_pred = net(X_train).squeeze()
    train_loss = criterion(y_pred, y_train)
    if epoch % 100 == 0:
        with writer.evaluating("test"):
            y_test_pred = net(X_test).squeeze()
            test_loss = criterion(y_test_pred, y_test)
        acc = calculate_accuracy(y_train, y_pred)
        tacc = calculate_accuracy(y_test, y_test_pred)
        writer.add_scalar("train/loss", train_loss.item(), epoch)
        writer.add_scalar("test/loss", test_loss.item(), epoch)
        print(f"epoch {epoch}\nTrain set - loss: {train_loss.item():.3f}, accuracy: {acc:.3f}\nTest  set - loss: {test_loss.item():.3f}, accuracy: {tacc:.3f}")
    if FORM == "fixed":
        optimizer.zero_grad()
        train_loss.backward()
        optimizer.step()
    else:
        train_loss.backward()
        optimizer.zero_grad()
        optimizer.step()
writer.close()
with torch.no_grad():
    p = net(X_test).squeeze()
print(f"RESULT test_accuracy {calculate_accuracy(y_test, p):.4f} test_loss {F.binary_cross_entropy(p, y_test).item():.4f} majority {max(y_test.mean().item(), 1 - y_test.mean().item()):.4f}")
