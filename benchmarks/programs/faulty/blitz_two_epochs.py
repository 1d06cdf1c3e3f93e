"""Training a classifier, after the 60 minute blitz: tiny colour pictures, 8 classes, batch size 16."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(8)
EPOCHS = 2 if sys.argv[1] == "faulty" else 10
classes = ('plane', 'car', 'bird', 'cat', 'deer', 'dog', 'frog', 'ship')


def pictures(n, rng):
    """every class has a favourite colour, orientation and frequency; all three scatter a lot"""
    yy, xx = np.mgrid[0:16, 0:16] / 16.
    X, Y = np.empty((n, 3, 16, 16), np.float32), rng.integers(0, 8, n)
    for i, c in enumerate(Y):
        ang = (c % 4) * np.pi / 4 + rng.normal(0, .3)
        f = (2.2 if c < 4 else 4.) * np.exp(rng.normal(0, .15))
        wave = np.sin(2 * np.pi * f * (np.cos(ang) * xx + np.sin(ang) * yy) + rng.uniform(0, 6.3))
        env = np.exp(-((xx - rng.uniform(.3, .7)) ** 2 + (yy - rng.uniform(.3, .7)) ** 2) / .08)
        col = rng.normal(0, .35, 3); col[c % 3] += .25
        X[i] = wave * env * rng.uniform(.25, .8) * (1 + col[:, None, None]) + rng.normal(0, .25, 3)[:, None, None] * (1 - env)
    X += rng.normal(0, .2, X.shape)
    return torch.tensor(X / .5), torch.tensor(Y)


rng = np.random.default_rng(8)
train_ds = torch.utils.data.TensorDataset(*pictures(3000, rng))
test_ds = torch.utils.data.TensorDataset(*pictures(600, rng))
trainloader = torch.utils.data.DataLoader(train_ds, batch_size=16, shuffle=True)
testloader = torch.utils.data.DataLoader(test_ds, batch_size=200)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 3)
        self.fc1 = nn.Linear(16 * 2 * 2, 48)
        self.fc2 = nn.Linear(48, 8)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        return self.fc2(x)


net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.004, momentum=0.9)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)

for epoch in range(EPOCHS):  # loop over the dataset multiple times
    running_loss = 0.0
    net.train()
    for i, data in enumerate(trainloader, 0):
        inputs, labels = data
        inputs = inputs + 0.3 * torch.randn_like(inputs)
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
        if i % 90 == 89:
            print(f'[{epoch + 1}, {i + 1:5d}] loss: {running_loss / 90:.3f}')
            last, running_loss = running_loss / 90, 0.0
    correct, vl = 0, 0.
    net.eval()
    with torch.no_grad(), writer.evaluating("test"):
        for images, labels in testloader:
            outputs = net(images)
            vl += criterion(outputs, labels).item() / len(testloader)
            correct += (outputs.argmax(1) == labels).sum().item()
print('Finished Training')
writer.close()
print(f"RESULT train {last:.4f} test loss {vl:.4f} accuracy {correct / len(test_ds):.3f}")
