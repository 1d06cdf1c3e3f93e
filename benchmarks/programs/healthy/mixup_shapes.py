'''mixup on small colour images of shapes, SGD 0.1 with steps down (after facebookresearch/mixup-cifar10)'''
from __future__ import print_function
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument('logdir')
parser.add_argument('--lr', default=0.1, type=float, help='learning rate')
parser.add_argument('--batch-size', default=64, type=int)
parser.add_argument('--epoch', default=16, type=int)
parser.add_argument('--decay', default=1e-4, type=float)
parser.add_argument('--alpha', default=0.3, type=float, help='mixup interpolation coefficient')
args = parser.parse_args()
torch.manual_seed(0)
np.random.seed(0)


def make_images(n, rng, size=12):
    """circle, square, triangle, cross, ring, stripes in random colour, place and size on a noisy background"""
    yy, xx = np.mgrid[:size, :size].astype('float32')
    X, Y = np.zeros((n, 3, size, size), 'float32'), rng.integers(0, 6, n)
    for i, c in enumerate(Y):
        cx, cy, r = rng.uniform(4, 7), rng.uniform(4, 7), rng.uniform(3, 4.5)
        dx, dy = xx - cx, yy - cy
        d = np.hypot(dx, dy)
        m = [d < r, (abs(dx) < .8 * r) & (abs(dy) < .8 * r), (dy < .8 * r) & (dy > 1.7 * abs(dx) - r),
             (abs(dx) < .3 * r) & (abs(dy) < r) | (abs(dy) < .3 * r) & (abs(dx) < r),
             (d < r) & (d > .55 * r), (d < 1.1 * r) & (np.sin((dx + dy) * 1.6) > 0)][c]
        col, bg = rng.uniform(0, 1, 3), rng.uniform(0, 1, 3)
        while abs(col - bg).max() < 0.5:
            col = rng.uniform(0, 1, 3)
        X[i] = np.where(m[None], col[:, None, None], bg[:, None, None]) + rng.normal(0, .06, (3, size, size))
    return torch.from_numpy((X - 0.5) / 0.3), torch.from_numpy(Y)


class BasicBlock(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.shortcut = nn.Sequential()
        if stride != 1 or cin != cout:
            self.shortcut = nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x):
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(out + self.shortcut(x))


class SmallResNet(nn.Module):
    def __init__(self, n_class=6):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 12, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(12)
        self.layers = nn.Sequential(BasicBlock(12, 12, 1), BasicBlock(12, 24, 2), BasicBlock(24, 32, 2))
        self.linear = nn.Linear(32, n_class)

    def forward(self, x):
        out = self.layers(F.relu(self.bn1(self.conv1(x))))
        return self.linear(out.mean((2, 3)))


rng = np.random.default_rng(0)
trainset, testset = make_images(2000, rng), make_images(600, rng)
trainloader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*trainset), batch_size=args.batch_size, shuffle=True)
testloader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*testset), batch_size=100)

net = SmallResNet()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=args.lr, momentum=0.9, weight_decay=args.decay)
scheduler = optim.lr_scheduler.MultiStepLR(optimizer, [9, 13], 0.1)
writer = DiagWriter(args.logdir)
writer.watch(net, optimizer, train_loader=trainloader)


def mixup_data(x, y, alpha=1.0):
    '''Returns mixed inputs, pairs of targets, and lambda'''
    lam = np.random.beta(alpha, alpha) if alpha > 0 else 1
    index = torch.randperm(x.size(0))
    return lam * x + (1 - lam) * x[index], y, y[index], lam


def mixup_criterion(criterion, pred, y_a, y_b, lam):
    return lam * criterion(pred, y_a) + (1 - lam) * criterion(pred, y_b)


def train(epoch):
    net.train()
    train_loss = correct = total = 0
    for inputs, targets in trainloader:
        if np.random.rand() < 0.5:
            inputs = inputs.flip(-1)
        inputs, targets_a, targets_b, lam = mixup_data(inputs, targets, args.alpha)
        outputs = net(inputs)
        loss = mixup_criterion(criterion, outputs, targets_a, targets_b, lam)
        writer.add_loss("train", loss)
        train_loss += loss.item()
        predicted = outputs.argmax(1)
        total += targets.size(0)
        correct += (lam * predicted.eq(targets_a).sum() + (1 - lam) * predicted.eq(targets_b).sum()).item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return train_loss / len(trainloader), 100. * correct / total


def test(epoch):
    net.eval()
    test_loss = correct = 0
    with torch.no_grad(), writer.evaluating("val"):
        for inputs, targets in testloader:
            outputs = net(inputs)
            test_loss += criterion(outputs, targets).item()
            correct += outputs.argmax(1).eq(targets).sum().item()
    return test_loss / len(testloader), 100. * correct / len(testset[1])


for epoch in range(args.epoch):
    train_loss, train_acc = train(epoch)
    test_loss, test_acc = test(epoch)
    scheduler.step()
    print('Epoch %d | train loss %.3f acc %.1f%% (mixed) | test loss %.3f acc %.2f%%' % (epoch, train_loss, train_acc, test_loss, test_acc))
