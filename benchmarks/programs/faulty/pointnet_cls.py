from __future__ import print_function
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
parser = argparse.ArgumentParser()
parser.add_argument('form', type=str)
parser.add_argument('outf', type=str, help='log folder')
parser.add_argument('--batchSize', type=int, default=16, help='input batch size')
parser.add_argument('--nepoch', type=int, default=9, help='number of epochs to train for')
opt = parser.parse_args()
torch.manual_seed(5)
rng = np.random.RandomState(5)
NPTS = 48


def shapes(n):
    pts = np.zeros((n, NPTS, 3), np.float32)
    cls = rng.choice(5, n, p=[0.42, 0.25, 0.17, 0.1, 0.06])
    for i, c in enumerate(cls):
        u, v = rng.rand(NPTS), rng.rand(NPTS)
        t = 2 * np.pi * u
        if c == 0:      # ball
            z = 2 * v - 1
            r = np.sqrt(1 - z * z)
            p = np.stack([r * np.cos(t), r * np.sin(t), z], 1)
        elif c == 1:    # box
            p = rng.uniform(-1, 1, (NPTS, 3))
            p[np.arange(NPTS), rng.randint(0, 3, NPTS)] = rng.choice([-1, 1], NPTS)
        elif c == 2:    # tube
            p = np.stack([np.cos(t), np.sin(t), 2 * v - 1], 1)
        elif c == 3:    # cone
            p = np.stack([(1 - v) * np.cos(t), (1 - v) * np.sin(t), 2 * v - 1], 1)
        else:           # ring
            s = 2 * np.pi * v
            p = np.stack([(0.8 + 0.35 * np.cos(s)) * np.cos(t), (0.8 + 0.35 * np.cos(s)) * np.sin(t), 0.35 * np.sin(s)], 1)
        a = rng.uniform(0, 6.28)
        p = p * rng.uniform(0.7, 1.3, 3) @ np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
        p = p + 0.15 * rng.randn(NPTS, 3)
        p -= p.mean(0)
        pts[i] = p / np.sqrt((p ** 2).sum(1)).max() * 1.7
    return torch.from_numpy(pts).transpose(2, 1).contiguous(), torch.from_numpy(cls)


class PointNetfeat(nn.Module):
    def __init__(self):
        super(PointNetfeat, self).__init__()
        self.conv1 = nn.Conv1d(3, 32, 1)
        self.conv2 = nn.Conv1d(32, 64, 1)
        self.conv3 = nn.Conv1d(64, 128, 1)
        self.bn1, self.bn2, self.bn3 = nn.BatchNorm1d(32), nn.BatchNorm1d(64), nn.BatchNorm1d(128)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(x))
        return torch.max(x, 2)[0]


class PointNetCls(nn.Module):
    def __init__(self, k=5):
        super(PointNetCls, self).__init__()
        self.feat = PointNetfeat()
        self.fc1 = nn.Linear(128, 64)
        self.fc2 = nn.Linear(64, k)
        self.bn1 = nn.BatchNorm1d(64)
        self.dropout = nn.Dropout(p=0.3)

    def forward(self, x):
        x = F.relu(self.bn1(self.dropout(self.fc1(self.feat(x)))))
        x = self.fc2(x)
        return F.log_softmax(x, dim=0 if opt.form == 'faulty' else 1)


points, target = shapes(1200)
tpoints, ttarget = shapes(400)
classifier = PointNetCls()
optimizer = optim.Adam(classifier.parameters(), lr=0.003, betas=(0.9, 0.999))
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.3)
writer = DiagWriter(opt.outf)
writer.watch(classifier, optimizer)

for epoch in range(opt.nepoch):
    classifier.train()
    order = torch.randperm(len(points))
    total = 0.
    for i in range(0, len(order), opt.batchSize):
        j = order[i:i + opt.batchSize]
        optimizer.zero_grad()
        pred = classifier(points[j])
        loss = F.nll_loss(pred, target[j])
        writer.add_loss('train', loss)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(j) / len(order)
    scheduler.step()
    classifier.eval()
    with torch.no_grad(), writer.evaluating('test'):
        tl, correct = 0., 0
        for i in range(0, len(tpoints), 50):
            pred = classifier(tpoints[i:i + 50])
            l = F.nll_loss(pred, ttarget[i:i + 50])
            writer.add_loss('test', l)
            tl += l.item() / 8
            correct += (pred.max(1)[1] == ttarget[i:i + 50]).sum().item()
    print('[%d] train loss: %f test loss: %f accuracy: %f' % (epoch, total, tl, correct / len(tpoints)))
writer.close()
