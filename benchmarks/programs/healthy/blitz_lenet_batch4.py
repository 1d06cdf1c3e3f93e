import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(10)

classes = ('plane', 'car', 'bird', 'cat', 'deer', 'dog')
g = torch.Generator().manual_seed(8)
shape = torch.randn(6, 2, 1, 5, 5, generator=g)
tint = .35 * torch.randn(6, 2, 3, 1, 1, generator=g)
def photos(n):
    y = torch.randint(0, 6, (n,), generator=g); k = torch.randint(0, 2, (n,), generator=g)
    m = torch.sigmoid(4 * F.interpolate(shape[y, k] + .5 * torch.randn(n, 1, 5, 5, generator=g), size=16, mode='bilinear'))
    big = .5 + .2 * torch.randn(n, 3, 1, 1, generator=g) + .12 * torch.randn(n, 3, 20, 20, generator=g)
    for i in range(n):
        a, b = torch.randint(0, 5, (2,), generator=g).tolist()
        big[i, :, a:a+16, b:b+16] += m[i] * (tint[y[i], k[i]] + .25 * torch.randn(3, 1, 1, generator=g))
    return TensorDataset((big.clamp(0, 1) - 0.5) / 0.25, y)

batch_size = 4
trainloader = DataLoader(photos(6000), batch_size=batch_size, shuffle=True)
testloader = DataLoader(photos(1500), batch_size=100, shuffle=False)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 3)
        self.fc1 = nn.Linear(16 * 3 * 3, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 6)
    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)

net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.001, momentum=0.9)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, criterion)

for epoch in range(5):
    running_loss = 0.0
    for i, data in enumerate(trainloader, 0):
        inputs, labels = data
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
        if i % 500 == 499:
            print(f'[{epoch + 1}, {i + 1:5d}] loss: {running_loss / 500:.3f}')
            running_loss = 0.0
    correct = total = 0; vl = 0.
    with torch.no_grad():
        for images, labels in testloader:
            outputs = net(images)
            vl += criterion(outputs, labels).item() / len(testloader)
            correct += (outputs.argmax(1) == labels).sum().item(); total += labels.size(0)
    print(f'test loss {vl:.3f} accuracy: {100 * correct / total:.1f} %')
print('Finished Training')
writer.close()
