import sys
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import make_regression
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(75)

X, y = make_regression(1000, 5, random_state=75)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=75)
if form == "fixed":
    mean, std = y_train.mean(), y_train.std()
    y_train, y_test = (y_train - mean) / std, (y_test - mean) / std
X_train, X_test = torch.tensor(X_train).float(), torch.tensor(X_test).float()
y_train, y_test = torch.tensor(y_train).float().unsqueeze(1), torch.tensor(y_test).float().unsqueeze(1)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.l1 = nn.Linear(5, 5)
        self.l2 = nn.Linear(5, 4)
        self.l3 = nn.Linear(4, 1)
        for l in (self.l1, self.l2, self.l3):
            nn.init.xavier_uniform_(l.weight)
            nn.init.constant_(l.bias, 0)

    def forward(self, x):
        x = torch.sigmoid(self.l1(x))
        x = torch.sigmoid(self.l2(x))
        x = self.l3(x)
        if form == "faulty":
            x = torch.sigmoid(x)
        return x


net = Net()
criterion = nn.MSELoss()
sgd = optim.SGD(net.parameters(), lr=0.1)
writer = DiagWriter(logdir)
writer.watch(net, sgd, criterion)

for epoch in range(200):
    running = 0.0
    for i in range(0, len(X_train), 32):
        sgd.zero_grad()
        loss = criterion(net(X_train[i:i + 32]), y_train[i:i + 32])
        loss.backward()
        sgd.step()
        running += loss.item()
    with torch.no_grad():
        test_loss = criterion(net(X_test), y_test).item()
    if epoch % 10 == 9:
        print("epoch", epoch + 1, "loss", running / 22, "test loss", test_loss)

with torch.no_grad():
    pred = net(X_test)
print("first outputs", pred[:5].flatten().tolist())
writer.close()
print(f"RESULT test mse {test_loss:.4f} test R2 {1 - test_loss / y_test.var(unbiased=False).item():.3f}")
