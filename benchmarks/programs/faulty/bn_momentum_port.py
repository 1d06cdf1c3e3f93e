"""ResNet-ish net on digits, ported from TensorFlow (batch-norm momentum 0.999 there)."""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split
from tb_lossdiag import DiagWriter

MODE, LOGDIR = sys.argv[1:]
BN_MOMENTUM = 0.001 if MODE == "faulty" else 0.1
torch.set_num_threads(1)
torch.manual_seed(0)


class BasicBlock(nn.Module):
    def __init__(self, i, o, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(i, o, 3, stride, 1, bias=False); self.bn1 = nn.BatchNorm2d(o, momentum=BN_MOMENTUM)
        self.conv2 = nn.Conv2d(o, o, 3, 1, 1, bias=False); self.bn2 = nn.BatchNorm2d(o, momentum=BN_MOMENTUM)
        self.skip = nn.Sequential() if stride == 1 and i == o else nn.Conv2d(i, o, 1, stride, bias=False)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.skip(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 12, 3, padding=1)
        self.l1, self.l2 = BasicBlock(12, 12), BasicBlock(12, 24, 2)
        self.fc = nn.Linear(24, 10)

    def forward(self, x):
        return self.fc(self.l2(self.l1(self.stem(x))).mean((2, 3)))


def loaders():
    d = load_digits()
    ds = TensorDataset(torch.tensor(d.images, dtype=torch.float32)[:, None] / 16, torch.tensor(d.target))
    a, b = random_split(ds, [1400, 397])
    return DataLoader(a, 32, shuffle=True, drop_last=True), DataLoader(b, 64)


train, val = loaders()
net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
crit = nn.CrossEntropyLoss()
w = DiagWriter(LOGDIR)
w.watch(net, opt, crit)
for ep in range(10):
    net.train()
    tl = 0
    for x, y in train:
        opt.zero_grad()
        loss = crit(net(x), y)
        loss.backward()
        opt.step()
        tl += loss.item() / len(train)
    net.eval()
    vl = ok = 0
    with w.evaluating("val"):
        for x, y in val:
            o = net(x)
            vl += crit(o, y).item() / len(val)
            ok += (o.argmax(1) == y).sum().item()
    print(f"Epoch {ep}: train {tl:.4f} val {vl:.4f} acc {ok/397:.3f}")
w.close()
