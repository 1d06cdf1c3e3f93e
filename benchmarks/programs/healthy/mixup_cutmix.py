import sys
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.manual_seed(20170922); np.random.seed(20170922); torch.set_num_threads(1)

d = load_digits()
x = torch.tensor(d.images[:, None] / 16., dtype=torch.float32)
x = (x - x.mean()) / x.std()
y = torch.tensor(d.target)
p = torch.randperm(len(x))
x, y = x[p], y[p]
trainloader = DataLoader(TensorDataset(x[:1400], y[:1400]), batch_size=64, shuffle=True, drop_last=True)
testloader = DataLoader(TensorDataset(x[1400:], y[1400:]), batch_size=200)

net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
                    nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
                    nn.Conv2d(32, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
                    nn.Flatten(), nn.Linear(32 * 16, 10))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
scheduler = optim.lr_scheduler.MultiStepLR(optimizer, [15, 22], 0.1)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer)


def mixup_data(x, y, alpha=1.0):
    lam, index = np.random.beta(alpha, alpha), torch.randperm(len(x))
    return lam * x + (1 - lam) * x[index], y, y[index], lam


def cutmix_data(x, y, alpha=1.0):
    lam, index = np.random.beta(alpha, alpha), torch.randperm(len(x))
    cut = int(8 * np.sqrt(1 - lam))
    cx, cy = np.random.randint(8), np.random.randint(8)
    a, b, c, e = max(cx - cut // 2, 0), min(cx + (cut + 1) // 2, 8), max(cy - cut // 2, 0), min(cy + (cut + 1) // 2, 8)
    x = x.clone()
    x[:, :, a:b, c:e] = x[index, :, a:b, c:e]
    return x, y, y[index], 1 - (b - a) * (e - c) / 64


for epoch in range(26):
    net.train()
    train_loss = 0
    for inputs, targets in trainloader:
        mix = mixup_data if np.random.rand() < .5 else cutmix_data
        inputs, ya, yb, lam = mix(inputs, targets)
        outputs = net(inputs)
        loss = lam * criterion(outputs, ya) + (1 - lam) * criterion(outputs, yb)
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        train_loss += loss.item()
    scheduler.step()
    net.eval()
    test_loss, correct = 0, 0
    with torch.no_grad(), writer.evaluating("test"):
        for inputs, targets in testloader:
            outputs = net(inputs)
            l = criterion(outputs, targets)
            writer.add_loss("test", l)
            test_loss += l.item() / len(testloader)
            correct += (outputs.argmax(1) == targets).sum().item()
    if epoch % 5 == 0:
        print('Epoch %d train %.3f test %.3f acc %.3f' % (epoch, train_loss / len(trainloader), test_loss, correct / 397))
writer.close()
