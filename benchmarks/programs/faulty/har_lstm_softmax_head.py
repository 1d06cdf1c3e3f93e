# Human activity recognition, smartphone in the trouser pocket. 6 activities, windows of 50 samples, 3 axes
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(7); torch.manual_seed(7)
faulty = sys.argv[1] == "faulty"

ACTIVITIES = ["walk", "jog", "upstairs", "downstairs", "sit", "stand"]

def window(a):
    t = np.arange(50) / 20.0
    ph = np.random.rand() * 2 * np.pi
    g = np.array([0.1, 0.95, 0.2]) + 0.12 * np.random.randn(3)
    if a == 4: g = np.array([0.2, 0.45, 0.85]) + 0.22 * np.random.randn(3)
    if a == 5: g = np.array([0.1, 0.9, 0.3]) + 0.22 * np.random.randn(3)
    f = [1.9, 2.7, 1.65, 2.05, 0, 0][a] + 0.12 * np.random.randn()
    amp = [0.35, 0.8, 0.3, 0.42, 0.02, 0.02][a] * np.exp(0.25 * np.random.randn())
    har = [0.3, 0.5, 0.6, 0.15, 0, 0][a]
    s = amp * np.sin(2 * np.pi * f * t + ph) + har * amp * np.sin(4 * np.pi * f * t + 2 * ph + 0.5)
    x = g[None] + s[:, None] * np.array([0.4, 1.0, 0.6]) + 0.08 * np.random.randn(50, 3)
    return x

def dataset(n):
    y = np.random.randint(0, 6, n)
    x = np.stack([window(a) for a in y]).astype("float32")
    return torch.tensor(x), torch.tensor(y)

X_train, y_train = dataset(2400)
X_val, y_val = dataset(600)
mu, sd = X_train.mean((0, 1)), X_train.std((0, 1))
X_train, X_val = (X_train - mu) / sd, (X_val - mu) / sd

class LSTMModel(nn.Module):
    def __init__(self, n_input, n_hidden, n_classes):
        super().__init__()
        self.lstm = nn.LSTM(n_input, n_hidden, batch_first=True)
        self.fc1 = nn.Linear(n_hidden, 32)
        self.relu = nn.ReLU()
        self.fc2 = nn.Linear(32, n_classes)
        self.softmax = nn.Softmax(dim=1)

    def forward(self, x):
        out, (h, c) = self.lstm(x)
        out = self.fc2(self.relu(self.fc1(h[-1])))
        if faulty:
            out = self.softmax(out)
        return out

model = LSTMModel(3, 32, len(ACTIVITIES))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
train_loader = DataLoader(TensorDataset(X_train, y_train), batch_size=64, shuffle=True)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)

n_epochs = 22
for epoch in range(n_epochs):
    model.train()
    total, correct = 0.0, 0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        output = model(xb)
        loss = criterion(output, yb)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(yb)
        correct += (output.argmax(1) == yb).sum().item()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        output = model(X_val)
        val_loss = criterion(output, y_val).item()
        val_acc = (output.argmax(1) == y_val).float().mean().item()
    print("Epoch %d/%d  loss %.4f acc %.3f  val_loss %.4f val_acc %.3f" % (
        epoch + 1, n_epochs, total / len(X_train), correct / len(X_train), val_loss, val_acc))
writer.close()
print(f"RESULT val_loss {val_loss:.4f} val_acc {val_acc:.4f}")
