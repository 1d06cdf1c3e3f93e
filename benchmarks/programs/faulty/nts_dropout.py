import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
form, logdir = sys.argv[1:3]
torch.manual_seed(6)


class Bottle(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.short = nn.Conv2d(cin, cout, 1, stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + self.short(x))


class ResNet(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.layer1 = Bottle(1, 12, 1)
        self.layer2 = Bottle(12, 16, 2)
        self.layer3 = Bottle(16, 24, 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.drop = nn.Dropout(p=0.5)
        self.fc = nn.Linear(24, num_classes)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(x)))
        x = self.avgpool(x)
        x = x.view(x.size(0), -1)
        if form == "faulty":
            x = nn.Dropout(p=0.5)(x)
        else:
            x = self.drop(x)
        return self.fc(x)


d = load_digits()
order = np.random.RandomState(0).permutation(len(d.target))
X = torch.tensor((d.images[order] - 4.9) / 6.0, dtype=torch.float32)[:, None]
y = torch.tensor(d.target[order])
trainX, trainy, testX, testy = X[:1200], y[:1200], X[1200:], y[1200:]
net = ResNet()
creterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
schedulers = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[7], gamma=0.1)
writer = DiagWriter(logdir)
writer.watch(net, optimizer, creterion)

for epoch in range(9):
    net.train()
    train_loss = []
    for ids in torch.randperm(len(trainX)).split(32):
        optimizer.zero_grad()
        loss = creterion(net(trainX[ids]), trainy[ids])
        loss.backward()
        optimizer.step()
        train_loss.append(loss.item())
    schedulers.step()
    net.eval()
    with torch.no_grad(), writer.evaluating("test"):
        outs = [net(b) for b in testX.split(100)]
        test_loss = np.mean([creterion(o, t).item() for o, t in zip(outs, testy.split(100))])
    test_acc = (torch.cat(outs).argmax(1) == testy).float().mean().item()
    print("epoch:{} - train loss: {:.3f} - test loss: {:.3f} and test acc: {:.3f}".format(epoch, np.mean(train_loss), test_loss, test_acc))
writer.close()
