"""Small two-layer CNN on 8x8 images, PyTorch beginner code."""
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(3)
np.random.seed(3)
device = torch.device("cpu")


class FashionClassifier(nn.Module):
    def __init__(self, n_inputs, n_out):
        super().__init__()
        self.cnn1 = nn.Conv2d(n_inputs, out_channels=32, kernel_size=5, padding=2)
        self.cnn2 = nn.Conv2d(32, out_channels=64, kernel_size=5, padding=2)
        self.fc1 = nn.Linear(64 * 2 * 2, out_features=100)
        self.fc2 = nn.Linear(100, out_features=n_out)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(kernel_size=2)

    def forward(self, x):
        out = self.relu(self.cnn1(x))
        out = self.pool(out)
        out = self.relu(self.cnn2(out))
        out = self.pool(out)
        out = self.fc1(out.view(out.size(0), -1))
        out = self.relu(out)
        out = self.fc2(out)
        if form == "faulty":
            out = self.relu(out)
        return out


digits = load_digits()
images = (digits.images / 16.0).astype("float32")[:, None]
labels = digits.target.astype("int64")
order = np.random.permutation(len(images))
cut = 1400
train_ds = TensorDataset(torch.from_numpy(images[order[:cut]]), torch.from_numpy(labels[order[:cut]]))
test_ds = TensorDataset(torch.from_numpy(images[order[cut:]]), torch.from_numpy(labels[order[cut:]]))

n_batch = 100
n_outputs = 10
n_epochs = 25
LR = 0.001

train_loader = DataLoader(train_ds, batch_size=n_batch, shuffle=True)
test_loader = DataLoader(test_ds, batch_size=n_batch, shuffle=False)

model = FashionClassifier(1, n_outputs).to(device)
optimizer = optim.Adam(model.parameters(), lr=LR)
criterion = nn.CrossEntropyLoss()

writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

for epoch in range(n_epochs):
    model.train()
    running = 0.0
    for x, y in train_loader:
        x, y = x.to(device), y.to(device)
        optimizer.zero_grad()
        y_pred = model(x)
        loss = criterion(y_pred, y)
        loss.backward()
        optimizer.step()
        running += loss.item()

    correct, total, test_loss = 0, 0, 0.0
    model.eval()
    with writer.evaluating("val"):
        for x, y in test_loader:
            y_pred = model(x)
            test_loss += criterion(y_pred, y).item() * len(y)
            correct += (y_pred.argmax(1) == y).sum().item()
            total += len(y)
    if epoch % 5 == 4:
        print("epoch %d train loss %.4f test loss %.4f test acc %.3f"
              % (epoch, running / len(train_loader), test_loss / total, correct / total))

writer.close()
print("RESULT test_loss %.4f test_acc %.4f" % (test_loss / total, correct / total))
