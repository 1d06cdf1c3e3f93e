"""DenseNet for small grey images, ported from a TF-Slim implementation."""
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:]
torch.set_num_threads(1)
torch.manual_seed(0)


def slim_dropout(x, keep_prob, training):
    return F.dropout(x, p=1.0 - keep_prob, training=training)


class ConvBlock(nn.Module):
    def __init__(self, cin, num_filters, dropout_rate=0.2):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(cin)
        self.conv1 = nn.Conv2d(cin, num_filters * 4, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(num_filters * 4)
        self.conv2 = nn.Conv2d(num_filters * 4, num_filters, 3, padding=1, bias=False)
        self.keep_prob = dropout_rate if form == "faulty" else 1.0 - dropout_rate

    def _regularize(self, x):
        return slim_dropout(x, self.keep_prob, self.training)

    def forward(self, x):
        net = self._regularize(self.conv1(F.relu(self.bn1(x))))
        net = self._regularize(self.conv2(F.relu(self.bn2(net))))
        return torch.cat([x, net], 1)


class TransitionBlock(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.bn = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x):
        return F.avg_pool2d(self.conv(F.relu(self.bn(x))), 2)


class DenseNet(nn.Module):
    def __init__(self, num_classes=10, growth_rate=8, layers=(3, 3)):
        super().__init__()
        channels = 16
        blocks = [nn.Conv2d(1, channels, 3, padding=1, bias=False)]
        for i, depth in enumerate(layers):
            for _ in range(depth):
                blocks.append(ConvBlock(channels, growth_rate))
                channels += growth_rate
            if i < len(layers) - 1:
                blocks.append(TransitionBlock(channels, channels // 2))
                channels //= 2
        self.features = nn.Sequential(*blocks)
        self.final_bn = nn.BatchNorm2d(channels)
        self.logits = nn.Linear(channels, num_classes)

    def forward(self, x):
        net = F.relu(self.final_bn(self.features(x)))
        return self.logits(net.mean((2, 3)))


class Digits(Dataset):
    def __init__(self, train):
        bunch = load_digits()
        order = np.random.RandomState(4).permutation(len(bunch.target))
        order = order[:1350] if train else order[1350:]
        self.x = torch.tensor(bunch.images[order] / 8.0 - 1.0, dtype=torch.float32)[:, None]
        self.y = torch.tensor(bunch.target[order])

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return {"image": self.x[i], "label": self.y[i]}


train = DataLoader(Digits(True), batch_size=64, shuffle=True)
valid = DataLoader(Digits(False), batch_size=128)
model = DenseNet()
opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)
EPOCHS = 14
sched = torch.optim.lr_scheduler.MultiStepLR(opt, [8, 12], gamma=0.1)
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, opt, loss_fn, train_loader=train)

for epoch in range(EPOCHS):
    model.train()
    for batch in train:
        opt.zero_grad(set_to_none=True)
        loss = loss_fn(model(batch["image"]), batch["label"])
        loss.backward()
        opt.step()
    sched.step()
    good, n, val = 0, 0, 0.0
    with writer.evaluating("val"):
        for batch in valid:
            out = model(batch["image"])
            val += loss_fn(out, batch["label"]).item() * len(out)
            good += (out.argmax(1) == batch["label"]).sum().item()
            n += len(out)
    print("epoch", epoch, "loss %.4f val %.4f acc %.4f" % (loss.item(), val / n, good / n))

writer.close()
print("RESULT val_loss %.4f val_acc %.4f" % (val / n, good / n))
