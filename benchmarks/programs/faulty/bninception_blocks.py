import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(79)
torch.set_num_threads(1)


class ConvBN(nn.Module):
    def __init__(self, cin, cout, k, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, k, stride, k // 2)
        self.bn = nn.BatchNorm2d(cout)
        self.relu = nn.ReLU()

    def forward(self, x):
        conv_out = self.conv(x)
        bn_out = self.bn(conv_out)
        relu_out = self.relu(bn_out)
        return bn_out if form == "faulty" else relu_out


class Inception(nn.Module):
    def __init__(self, cin, c1, c3, cd, cp):
        super().__init__()
        self.b1 = ConvBN(cin, c1, 1)
        self.b3 = nn.Sequential(ConvBN(cin, c3, 1), ConvBN(c3, c3, 3))
        self.bd = nn.Sequential(ConvBN(cin, cd, 1), ConvBN(cd, cd, 3), ConvBN(cd, cd, 3))
        self.bp = ConvBN(cin, cp, 1)

    def forward(self, x):
        pool = F.avg_pool2d(x, 3, 1, 1)
        return torch.cat([self.b1(x), self.b3(x), self.bd(x), self.bp(pool)], 1)


class BNInception(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.stem = ConvBN(1, 12, 3, 2)
        self.inception_3a = Inception(12, 6, 8, 6, 4)
        self.inception_3b = Inception(24, 6, 8, 6, 4)
        self.reduce = ConvBN(24, 32, 3, 2)
        self.inception_4a = Inception(32, 8, 12, 8, 4)
        self.last_linear = nn.Linear(32, num_classes)

    def forward(self, x):
        x = self.inception_3b(self.inception_3a(self.stem(x)))
        x = self.inception_4a(self.reduce(x))
        return self.last_linear(x.mean((2, 3)))


def canvases(n, size=24):
    """Digits 0 to 3, light or dark, somewhere on a noisy canvas."""
    d = load_digits(n_class=4)
    img = torch.tensor(d.images / 16.0, dtype=torch.float32)
    y = torch.randint(0, 4, (n,))
    x = 0.15 * torch.rand(n, 1, size, size)
    pools = [torch.tensor((d.target == k).nonzero()[0]) for k in range(4)]
    for i in range(n):
        p = pools[y[i]]
        a = img[p[torch.randint(0, len(p), (1,))]][0]
        r, c = torch.randint(0, size - 8, (2,)).tolist()
        sign = 1.0 if torch.rand(1) < 0.5 else -1.0
        x[i, 0, r:r + 8, c:c + 8] += sign * a
    return x, y


x_train, y_train = canvases(1500)
x_val, y_val = canvases(500)
net = BNInception(4)
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 9)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(net, optimizer, criterion)
for epoch in range(9):
    net.train()
    for idx in torch.randperm(len(x_train)).split(32):
        optimizer.zero_grad()
        loss = criterion(net(x_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
    scheduler.step()
    with writer.evaluating("val"):
        out = net(x_val)
        val_loss = criterion(out, y_val)
    acc = (out.argmax(1) == y_val).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} val {val_loss.item():.4f} acc {acc:.4f}")
writer.close()
print(f"RESULT val loss {val_loss.item():.4f} accuracy {acc:.4f}")
