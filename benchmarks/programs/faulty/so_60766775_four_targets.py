import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_regression
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(9)
form = sys.argv[1]

x, y = make_regression(700, 8, n_targets=4, noise=5.0, random_state=6)
x = StandardScaler().fit_transform(x)
y = y / abs(y).max()
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
n_val = 100
x_train, y_train, x_val, y_val = x[:-n_val], y[:-n_val], x[-n_val:], y[-n_val:]


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(8, 32)
        self.fc2 = nn.Linear(32, 20)
        self.fc3 = nn.Linear(20, 15)
        self.fc4 = nn.Linear(15, 4)
        self.drop = nn.Dropout(0.1)
        for fc in self.children():
            if isinstance(fc, nn.Linear):
                nn.init.xavier_uniform_(fc.weight)
                nn.init.zeros_(fc.bias)

    def forward(self, x):
        act = torch.sigmoid if form == "faulty" else torch.relu
        x = self.drop(act(self.fc1(x)))
        x = self.drop(act(self.fc2(x)))
        x = self.drop(act(self.fc3(x)))
        x = self.fc4(x)
        return F.softmax(x, dim=1) if form == "faulty" else x


model = Regressor()
sgd = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.87, nesterov=True)
batch_size = 10
writer = DiagWriter(sys.argv[2])
writer.watch(model, sgd)

for epoch in range(100):
    model.train()
    train_loss = 0.0
    for rows in torch.randperm(len(x_train)).split(batch_size):
        loss = F.mse_loss(model(x_train[rows]), y_train[rows])
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        train_loss += loss.item() * len(rows) / len(x_train)
    with writer.evaluating("val"):
        val_loss = F.mse_loss(model(x_val), y_val).item()
    if epoch % 10 == 9:
        print(epoch + 1, round(train_loss, 5), round(val_loss, 5))

writer.close()
print(f"RESULT val mse {val_loss:.5f} (variance of the targets {y_val.var().item():.5f})")
