import sys
import torch
from torch import nn
from sklearn.datasets import make_regression
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(1)

X, y = make_regression(10000, 50, random_state=4)
X = torch.tensor(X, dtype=torch.float32).reshape(-1, 1, 50)
y = torch.tensor(y, dtype=torch.float32).reshape(-1, 1)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.33, random_state=42)
train_limit, test_limit = 2000, 1000
X_train, y_train = X_train[:train_limit], y_train[:train_limit]
X_test, y_test = X_test[:test_limit], y_test[:test_limit]
batch_size = 64
epochs = 20


class ConvRegressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 30, 3)
        self.conv2 = nn.Conv1d(30, 40, 3)
        self.conv3 = nn.Conv1d(40, 120, 3)
        self.fc1 = nn.Linear(120 * 44, 1024)
        self.fc2 = nn.Linear(1024, 256)
        self.fc3 = nn.Linear(256, 32)
        self.fc4 = nn.Linear(32, 1)
        for m in self.children():
            nn.init.xavier_uniform_(m.weight)
            nn.init.zeros_(m.bias)

    def forward(self, x):
        for conv in (self.conv1, self.conv2, self.conv3):
            x = torch.relu(conv(x))
        x = x.flatten(1)
        for fc in (self.fc1, self.fc2, self.fc3):
            x = torch.relu(fc(x))
        x = self.fc4(x)
        return torch.relu(x) if form == "faulty" else x


model = ConvRegressor()
mse = nn.MSELoss()
opt = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, opt, mse)

for epoch in range(epochs):
    model.train()
    order = torch.randperm(len(X_train))
    total = 0.0
    for i in range(0, len(order), batch_size):
        idx = order[i:i + batch_size]
        opt.zero_grad()
        loss = mse(model(X_train[idx]), y_train[idx])
        loss.backward()
        opt.step()
        total += loss.item() * len(idx)
    model.eval()
    with writer.evaluating("val"):
        val = mse(model(X_test), y_test).item()
    print(f"Epoch {epoch + 1}/{epochs} loss: {total / len(order):.2f} val_loss: {val:.2f}")

writer.close()
var = y_test.var().item()
print(f"RESULT test mse {val:.1f} (variance of the targets {var:.1f}) test R2 {1 - val / var:.3f}")
