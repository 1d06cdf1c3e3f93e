# "I change the batch size from 16 to 400 and the accuracy drops": the 60 minute blitz network on small made-up colour pictures
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
BIGGER_BATCH = 400 if sys.argv[1] == "faulty" else 16

rng = np.random.RandomState(0)
yy, xx = np.mgrid[0:16, 0:16] / 15.0


def picture(c):
    """10 classes: a coloured grating or blob whose colour, orientation and place vary"""
    f, ph = rng.uniform(2.5, 4), rng.uniform(0, 6.28)
    if c < 4:
        a = c * np.pi / 4 + rng.normal(0, .12)
        m = np.sin(f * 6.28 * (xx * np.cos(a) + yy * np.sin(a)) / 2 + ph) * .5 + .5
    else:
        cx, cy, r = rng.uniform(.3, .7, 2).tolist() + [rng.uniform(.18, .3)]
        d, e = xx - cx, yy - cy
        m = [(d * d + e * e < r * r), (abs(d) < r) & (abs(e) < r), (abs(d) + abs(e) < r * 1.3), (abs(d) < r / 2) | (abs(e) < r / 2),
             (d * d + e * e < r * r) & (d * d + e * e > r * r / 3), (e > 0) & (e < r) & (abs(d) < e)][c - 4] * 1.0
    col, bg = rng.rand(3, 1, 1), rng.rand(3, 1, 1) * .6
    return bg + (col - bg) * m + .12 * rng.randn(3, 16, 16)


def data(n):
    y = rng.randint(0, 10, n)
    x = np.stack([picture(c) for c in y])
    return TensorDataset(torch.tensor((x - 0.5) / 0.5, dtype=torch.float32), torch.tensor(y))


trainset, testset = data(6000), data(800)
trainloader = DataLoader(trainset, batch_size=BIGGER_BATCH, shuffle=True)
testloader = DataLoader(testset, batch_size=500)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(3, 6, 3, padding=1)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 3, padding=1)
        self.fc1 = nn.Linear(16 * 4 * 4, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = x.view(-1, 16 * 4 * 4)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.005, momentum=0.9)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)
EPOCHS = 10
for epoch in range(EPOCHS):  # loop over the dataset multiple times
    running_loss, n = 0.0, 0
    for inputs, labels in trainloader:
        optimizer.zero_grad()
        loss = criterion(net(inputs), labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
        n += 1
    correct, total = 0, 0
    with writer.evaluating("test"), torch.no_grad():
        tl = []
        for images, labels in testloader:
            out = net(images)
            tl.append(criterion(out, labels).item())
            correct += (out.argmax(1) == labels).sum().item()
            total += len(labels)
    print("[%d] loss: %.3f test loss: %.3f" % (epoch + 1, running_loss / n, np.mean(tl)))
print("Finished Training")
writer.close()
print("RESULT Accuracy of the network on the test images: %.1f %%, loss %.3f" % (100 * correct / total, np.mean(tl)))
