import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(6)
rng = np.random.RandomState(6)

# 30x30 grey pictures: one blob or two
N, N_VAL = 400, 100
yy, xx = np.mgrid[:30, :30]
y = rng.randint(0, 2, N + N_VAL)
X = 0.15 * rng.randn(N + N_VAL, 30, 30)
for i in range(N + N_VAL):
    cx, cy, a = rng.uniform(9, 21), rng.uniform(9, 21), rng.uniform(0, np.pi)
    half = rng.uniform(5, 7) if y[i] else 0
    for s in (-1, 1):
        px, py = cx + s * half * np.cos(a), cy + s * half * np.sin(a)
        X[i] += (0.8 if y[i] else 0.5) * np.exp(-((xx - px) ** 2 + (yy - py) ** 2) / 8.0)
X = torch.tensor(X, dtype=torch.float32).unsqueeze(1)
y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)
train = DataLoader(TensorDataset(X[:N], y[:N]), batch_size=32, shuffle=True)
X_val, y_val = X[N:], y[N:]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 96, 11, padding=5)
        self.conv2 = nn.Conv2d(96, 128, 3, padding=1)
        self.conv3 = nn.Conv2d(128, 128, 3, padding=1)
        self.pool1, self.pool2 = nn.MaxPool2d(3, 2), nn.MaxPool2d(2, 2)
        self.fc1 = nn.Linear(128 * 3 * 3, 300)
        self.dropout = nn.Dropout(0.2)
        self.fc2 = nn.Linear(300, 1)
        self.activation = nn.Softmax(dim=-1) if form == "faulty" else nn.Sigmoid()
        for m in (self.conv1, self.conv2, self.conv3, self.fc1, self.fc2):
            nn.init.xavier_uniform_(m.weight)
            nn.init.zeros_(m.bias)

    def forward(self, x):
        x = self.pool1(torch.relu(self.conv1(x)))
        x = self.pool2(torch.relu(self.conv2(x)))
        x = self.pool2(torch.relu(self.conv3(x)))
        x = self.dropout(torch.relu(self.fc1(x.flatten(1))))
        return self.activation(self.fc2(x))


model = Net()
bce = nn.BCELoss()
adam = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
writer = DiagWriter(logdir)
writer.watch(model, adam, bce, train_loader=train)

for epoch in range(10):
    model.train()
    total, hits = 0.0, 0
    for xb, yb in train:
        adam.zero_grad()
        p = model(xb)
        loss = bce(p, yb)
        loss.backward()
        adam.step()
        total += loss.item() * len(xb)
        hits += (p.round() == yb).sum().item()
    with writer.evaluating("val"):
        p = model(X_val)
        val_loss = bce(p, y_val).item()
    val_acc = (p.round() == y_val).float().mean().item()
    print(f"Epoch {epoch + 1} loss {total / N:.4f} accuracy {hits / N:.4f} val_loss {val_loss:.4f} val_accuracy {val_acc:.4f}")

writer.close()
print(f"RESULT val loss {val_loss:.4f} val acc {val_acc:.4f}")
