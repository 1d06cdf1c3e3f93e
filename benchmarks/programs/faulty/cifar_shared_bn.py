"""Small colour pictures: fine in train mode, poor after model.eval() (PyTorch forum thread, port)."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)


def pictures(n, seed):
    """10 classes of 3x24x24 pictures: shape (5) x texture (2) on varied backgrounds."""
    rng = np.random.RandomState(seed)
    yy, xx = np.mgrid[-1:1:24j, -1:1:24j]
    y = rng.randint(0, 10, n)
    x = np.zeros((n, 3, 24, 24), dtype=np.float32)
    for i, k in enumerate(y):
        cx, cy, s = rng.uniform(-.3, .3), rng.uniform(-.3, .3), rng.uniform(.4, .65)
        u, v = (xx - cx) / s, (yy - cy) / s
        shape = [np.abs(u) + np.abs(v) < 1, u ** 2 + v ** 2 < 1, np.maximum(np.abs(u), np.abs(v)) < .85,
                 (np.abs(u) < .35) | (np.abs(v) < .35), np.abs(u ** 2 + v ** 2 - .7) < .3][k // 2]
        shape = shape & (np.maximum(np.abs(u), np.abs(v)) < 1.2)
        tex = np.sin(rng.uniform(14, 18) * (xx if k % 2 else yy) + rng.uniform(0, 6))
        fg, bg = rng.uniform(.2, 1, 3), rng.uniform(.2, 1, 3)
        pic = np.where(shape, fg[:, None, None] * (.7 + .3 * tex), bg[:, None, None])
        x[i] = pic + .08 * rng.randn(3, 24, 24)
    return torch.tensor(x.clip(0, 1), dtype=torch.float32), torch.tensor(y)


class Keras_Cifar2(nn.Module):
    def __init__(self):
        super(Keras_Cifar2, self).__init__()
        self.filt_size1 = 16
        self.filt_size2 = 32
        self.filt_fc1 = 128
        self.num_classes = 10
        self.conv1 = nn.Conv2d(3, self.filt_size1, 3, padding=1)
        self.conv2 = nn.Conv2d(self.filt_size1, self.filt_size1, 3)
        self.conv3 = nn.Conv2d(self.filt_size1, self.filt_size2, 3, padding=1)
        self.conv4 = nn.Conv2d(self.filt_size2, self.filt_size2, 3)
        self.bn1 = nn.BatchNorm2d(self.filt_size1)
        self.bn3 = nn.BatchNorm2d(self.filt_size2)
        if mode == "fixed":
            self.bn2 = nn.BatchNorm2d(self.filt_size1)
            self.bn4 = nn.BatchNorm2d(self.filt_size2)
        else:
            self.bn2, self.bn4 = self.bn1, self.bn3
        self.maxpool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(self.filt_size2 * 4 * 4, self.filt_fc1)
        self.fc2 = nn.Linear(self.filt_fc1, self.num_classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = self.maxpool(x)
        x = F.relu(self.bn3(self.conv3(x)))
        x = F.relu(self.bn4(self.conv4(x)))
        x = self.maxpool(x)
        x = x.view(x.size(0), -1)
        x = F.relu(self.fc1(x))
        return self.fc2(x)


train_loader = DataLoader(TensorDataset(*pictures(3000, 0)), batch_size=32, shuffle=True)
test_loader = DataLoader(TensorDataset(*pictures(500, 1)), batch_size=100)
model = Keras_Cifar2()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)


def train(epoch):
    model.train()
    run, correct = 0.0, 0
    for data, target in train_loader:
        optimizer.zero_grad()
        output = model(data)
        loss = criterion(output, target)
        loss.backward()
        optimizer.step()
        run += loss.item() * len(target)
        correct += (output.argmax(1) == target).sum().item()
    print('Train Epoch: {} loss {:.4f} acc {:.3f}'.format(epoch, run / 3000, correct / 3000), end='   ')


def test():
    model.eval()
    run, correct = 0.0, 0
    with torch.no_grad():
        for data, target in test_loader:
            output = model(data)
            run += criterion(output, target).item() * len(target)
            correct += (output.argmax(1) == target).sum().item()
    print('Test: loss {:.4f} acc {:.3f}'.format(run / 500, correct / 500))


for epoch in range(1, 9):
    train(epoch)
    test()
writer.close()
