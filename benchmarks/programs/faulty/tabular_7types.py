"""Binary classification of a small table (7 measurements per specimen), MLP in PyTorch."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(3)
rng = np.random.RandomState(11)


def make_specimens(n):
    label = rng.randint(0, 2, n)
    age = rng.uniform(20, 80, n)
    hb = 13.5 - 1.3 * label + rng.randn(n) * 0.9
    wbc = np.exp(1.9 + 0.5 * label + 0.25 * rng.randn(n))
    crp = np.exp(0.5 + 1.3 * label + 0.6 * rng.randn(n))
    temp = 36.7 + 0.8 * label + 0.4 * rng.randn(n)
    pulse = 70 + 9 * label + 7 * rng.randn(n) + 0.05 * age
    sleep = rng.uniform(4, 9, n)
    return np.stack([age, hb, wbc, crp, temp, pulse, sleep], 1), label


X, y = make_specimens(75)
Xte_big, yte_big = make_specimens(400)          # later collected, for a steadier number
lo, hi = X[:60].min(0), X[:60].max(0)
scale = lambda a: ((a - lo) / (hi - lo)).astype(np.float32)
train_set = TensorDataset(torch.from_numpy(scale(X[:60])), torch.from_numpy(y[:60]))
test_x, test_y = torch.from_numpy(scale(np.r_[X[60:], Xte_big])), torch.from_numpy(np.r_[y[60:], yte_big])
train_loader = DataLoader(train_set, batch_size=10, shuffle=True)


class CustomModel(nn.Module):
    def __init__(self):
        super(CustomModel, self).__init__()
        self.fc1 = nn.Linear(7, 60)
        self.fc2 = nn.Linear(60, 100)
        self.fc3 = nn.Linear(100, 30)
        self.fc4 = nn.Linear(30, 2)
        self.apply(self._init_weights)

    def _init_weights(self, module):
        if isinstance(module, nn.Linear):
            torch.nn.init.xavier_uniform_(module.weight.data)
            torch.nn.init.constant_(module.bias.data, 0)

    def forward(self, data):
        x = F.relu(self.fc1(data))
        x = F.relu(self.fc2(x))
        x = F.relu(self.fc3(x))
        return self.fc4(x)


model = CustomModel()
learning_rate = 0.0007 if form == "faulty" else 0.02
optimizer = optim.SGD(model.parameters(), lr=learning_rate)
criterion = nn.CrossEntropyLoss()

writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

for epoch in range(150):
    model.train(True)
    running = 0.0
    for sample, ground in train_loader:
        optimizer.zero_grad()
        prediction = model(sample)
        loss = criterion(prediction, ground)
        loss.backward()
        optimizer.step()
        running += loss.item() * len(sample)
    if (epoch + 1) % 25 == 0:
        model.eval()
        with torch.no_grad():
            out = model(test_x)
            acc = (out.argmax(1) == test_y).float().mean().item()
        print(f"epoch {epoch + 1}: train loss {running / 60:.4f}  test loss {criterion(out, test_y):.4f}  test acc {acc:.3f}")
writer.close()
