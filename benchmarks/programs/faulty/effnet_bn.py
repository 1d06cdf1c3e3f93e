import sys
import copy
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(42)
torch.set_num_threads(1)


class MBConv(nn.Module):
    def __init__(self, i, o, stride=1, expand=2):
        super().__init__()
        h = i * expand
        self.expand_conv, self.bn0 = nn.Conv2d(i, h, 1, bias=False), nn.BatchNorm2d(h)
        self.depthwise_conv, self.bn1 = nn.Conv2d(h, h, 3, stride, 1, groups=h, bias=False), nn.BatchNorm2d(h)
        self.project_conv, self.bn2 = nn.Conv2d(h, o, 1, bias=False), nn.BatchNorm2d(o)
        self.act = nn.SiLU()
        self.skip = stride == 1 and i == o

    def forward(self, x):
        y = self.act(self.bn0(self.expand_conv(x)))
        y = self.act(self.bn1(self.depthwise_conv(y)))
        y = self.bn2(self.project_conv(y))
        return x + y if self.skip else y


class EffNetLite(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.conv_stem, self.bn_stem = nn.Conv2d(1, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12)
        self.blocks = nn.Sequential(MBConv(12, 12), MBConv(12, 20, 2), MBConv(20, 20), MBConv(20, 28))
        self.bn_head = nn.BatchNorm2d(28)
        self.fc = nn.Linear(28, num_classes)

    def forward(self, x):
        x = torch.nn.functional.silu(self.bn_stem(self.conv_stem(x)))
        x = torch.nn.functional.silu(self.bn_head(self.blocks(x)))
        return self.fc(x.mean((2, 3)))


def pretrain():
    """orientation of gratings, stands in for the big source data set"""
    g = np.random.default_rng(0)
    yy, xx = np.mgrid[:8, :8]
    y = g.integers(0, 6, 1500)
    th = y * np.pi / 6 + g.normal(0, .08, 1500)
    f = g.uniform(.8, 1.6, 1500)
    x = np.sin(f[:, None, None] * (np.cos(th)[:, None, None] * xx + np.sin(th)[:, None, None] * yy) + g.uniform(0, 6, (1500, 1, 1)))
    x = torch.from_numpy((x + g.normal(0, .3, x.shape)).astype(np.float32)[:, None])
    y = torch.from_numpy(y)
    net = EffNetLite(6)
    opt = optim.Adam(net.parameters(), 3e-3)
    for ep in range(4):
        for idx in torch.randperm(1500).split(50):
            opt.zero_grad()
            nn.functional.cross_entropy(net(x[idx]), y[idx]).backward()
            opt.step()
    return net.state_dict()


digits = load_digits()
X = digits.images.astype(np.float32) / 16.0
X = torch.from_numpy((X - X.mean()) / X.std())[:, None]
Y = torch.from_numpy(digits.target)
order = torch.randperm(len(X))
loaders = {
    "train": DataLoader(TensorDataset(X[order[:1300]], Y[order[:1300]]), batch_size=32, shuffle=True),
    "valid": DataLoader(TensorDataset(X[order[1300:]], Y[order[1300:]]), batch_size=100),
}

weights = pretrain()
model_transfer = EffNetLite(10)
weights = {k: v for k, v in weights.items() if not k.startswith("fc")}
model_transfer.load_state_dict(weights, strict=False)

criterion_transfer = nn.CrossEntropyLoss()
if form == "faulty":
    for name, param in model_transfer.named_parameters():
        if "bn" not in name:
            param.requires_grad = False
    for param in model_transfer.fc.parameters():
        param.requires_grad = True
    optimizer_transfer = optim.Adam(model_transfer.fc.parameters(), lr=3e-3)
else:
    optimizer_transfer = optim.Adam(model_transfer.parameters(), lr=3e-3)

writer = DiagWriter(logdir)
writer.watch(model_transfer, optimizer_transfer, criterion_transfer)

best, best_state = np.inf, None
for epoch in range(1, 11):
    train_loss = valid_loss = 0.0
    correct = 0
    model_transfer.train()
    for data, target in loaders["train"]:
        optimizer_transfer.zero_grad()
        output = model_transfer(data)
        loss = criterion_transfer(output, target)
        loss.backward()
        optimizer_transfer.step()
        train_loss += loss.item() / len(loaders["train"])
    model_transfer.eval()
    with torch.no_grad(), writer.evaluating("val"):
        for data, target in loaders["valid"]:
            output = model_transfer(data)
            valid_loss += criterion_transfer(output, target).item() / len(loaders["valid"])
            correct += (output.argmax(1) == target).sum().item()
    if valid_loss < best:
        best, best_state = valid_loss, copy.deepcopy(model_transfer.state_dict())
    print(f"Epoch: {epoch} \tTraining Loss: {train_loss:.4f} \tValidation Loss: {valid_loss:.4f} acc {correct / 497:.3f}")
writer.close()
