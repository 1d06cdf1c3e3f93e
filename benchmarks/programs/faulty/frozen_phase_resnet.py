import copy
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)
BN_MOMENTUM = 0.01 if form == "faulty" else 0.1


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv1 = nn.Conv2d(c, c, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(c, momentum=BN_MOMENTUM)
        self.conv2 = nn.Conv2d(c, c, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(c, momentum=BN_MOMENTUM)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(x + self.bn2(self.conv2(y)))


class SmallResNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1, bias=False),
                                  nn.BatchNorm2d(16, momentum=BN_MOMENTUM), nn.ReLU())
        self.block1, self.block2 = Block(16), Block(16)
        self.predictions = nn.Linear(16 * 16, classes)

    def forward(self, x):
        x = F.max_pool2d(self.block1(self.stem(x)), 2)
        return self.predictions(self.block2(x).flatten(1))


digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16.0
labels = torch.tensor(digits.target)
perm = torch.tensor(np.random.RandomState(4).permutation(len(labels)))
images, labels = images[perm], labels[perm]

# the first classes are the source task, in the usual form; the others come from another scanner
source = labels < 5
src_x, src_y = (images[source] - 0.3) / 0.37, labels[source]
tgt_x, tgt_y = 3.0 * (1.0 - images[~source]) + 1.0, labels[~source] - 5
n_train = 560
train_loader = DataLoader(TensorDataset(tgt_x[:n_train], tgt_y[:n_train]), batch_size=32, shuffle=True)
test_loader = DataLoader(TensorDataset(tgt_x[n_train:], tgt_y[n_train:]), batch_size=64)


def pretrain():
    net = SmallResNet(5)
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(12):
        for x, y in DataLoader(TensorDataset(src_x, src_y), batch_size=32, shuffle=True):
            opt.zero_grad()
            F.cross_entropy(net(x), y).backward()
            opt.step()
    return net


base = pretrain()
model = copy.deepcopy(base)
model.predictions = nn.Linear(16 * 16, 5)

optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

for epoch in range(6):
    model.train()
    seen = right = 0
    for x, y in train_loader:
        optimizer.zero_grad()
        out = model(x)
        loss = criterion(out, y)
        loss.backward()
        optimizer.step()
        seen += len(y)
        right += (out.argmax(1) == y).sum().item()
    ev_loss = ev_right = ev_seen = 0
    with writer.evaluating("val"):
        for x, y in test_loader:
            out = model(x)
            ev_loss += criterion(out, y).item() * len(y)
            ev_right += (out.argmax(1) == y).sum().item()
            ev_seen += len(y)
    print(f"epoch {epoch + 1} acc {right / seen:.4f} val_loss {ev_loss / ev_seen:.4f} val_acc {ev_right / ev_seen:.4f}")

writer.close()
print(f"RESULT train_acc={right / seen:.4f} val_loss={ev_loss / ev_seen:.4f} val_acc={ev_right / ev_seen:.4f}")
