"""Cross entropy loss is not decreasing, always about 2.30 (PyTorch forum thread, port)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(42)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * 2 * 2, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.view(x.size(0), -1)
        x = F.relu(self.fc1(x))
        x = self.fc2(x)
        if mode == "faulty":
            x = F.softmax(x, dim=1)
        return x


d = load_digits()
images = torch.tensor(d.images / 16.0, dtype=torch.float32).unsqueeze(1)
images = (images - 0.3053) / 0.3760
target = torch.tensor(d.target)
perm = torch.randperm(len(target))
tr, te = perm[:1437], perm[1437:]
train_loader = DataLoader(TensorDataset(images[tr], target[tr]), batch_size=32, shuffle=True)
test_loader = DataLoader(TensorDataset(images[te], target[te]), batch_size=100)

net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.01)

writer = DiagWriter(logdir)
writer.watch(net, optimizer, criterion)


def train():
    net.train()
    total = 0
    for data, label in train_loader:
        optimizer.zero_grad()
        output = net(data)
        loss = criterion(output, label)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(train_loader)


def test():
    net.eval()
    correct, total = 0, 0
    with torch.no_grad():
        for data, label in test_loader:
            output = net(data)
            total += criterion(output, label).item()
            correct += (output.argmax(1) == label).sum().item()
    return total / len(test_loader), correct / len(te)


for epoch in range(40):
    loss = train()
    test_loss, acc = test()
    if epoch % 4 == 3 or epoch == 0:
        print("epoch {} loss = {} test loss = {:.4f} acc = {:.3f}".format(epoch, loss, test_loss, acc))
