# HW4 - clothes classifier (10 drawn garment-like 20x20 pictures). CNN w/o batchnorm, dropout, RMSprop like the keras book
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(5)

def draw(n):
    lab = torch.randint(0, 10, (n,))
    yy, xx = torch.meshgrid(torch.arange(20.), torch.arange(20.), indexing='ij')
    out = torch.zeros(n, 1, 20, 20)
    for k in range(n):
        c = lab[k].item()
        cx, cy = 9.5 + torch.randn(2) * 1.0
        w, h = 4 + torch.rand(2) * 2
        x, y = xx - cx, yy - cy
        body = (x.abs() < w) & (y.abs() < h + 1)
        arms = (y < -h + 4) & (y > -h - 1)
        m = [body | arms & (x.abs() < w + 4),                                  # t-shirt
             (x.abs() < w) & (x.abs() > 1) & (y.abs() < h + 3) | (x.abs() < w) & (y > -h - 3) & (y < -h),   # trouser
             body | (x.abs() < w + 4) & (x.abs() > w + 1) & (y.abs() < h) | arms & (x.abs() < w + 4),   # pullover
             (x.abs() < 2 + (y + h + 2) * .45) & (y.abs() < h + 2),            # dress
             body & (x.abs() > .7) | (x.abs() < w + 4) & (x.abs() > w + 1) & (y.abs() < h) | arms & (x.abs() < w + 4) & (x.abs() > .7),   # coat
             (y > 2) & (y < 4) & (x.abs() < w + 2) | (x > w) & (y.abs() < 4) & (x < w + 2),   # sandal
             body | arms & (x.abs() < w + 2),                                  # shirt
             (y > 0) & (y < 5) & (x.abs() < w + 3) | (x > w - 2) & (y > -3) & (y < 5) & (x < w + 3),   # sneaker
             (x.abs() < w + 1) & (y > -2) & (y < h + 1) | (((x ** 2 + (y + 2) ** 2).sqrt() - 4).abs() < .9),   # bag
             (y > 1) & (y < 5) & (x.abs() < w + 3) | (x > 0) & (y > -7) & (y < 5) & (x < w + 3)][c]   # boot
        tex = .55 + .35 * torch.rand(1) + .15 * torch.randn(20, 20)
        out[k, 0] = m * tex
    return (out + .1 * torch.randn_like(out)).clamp(0, 1), lab

x_all, y_all = draw(4000)
x_train, y_train, x_test, y_test = x_all[:3200], y_all[:3200], x_all[3200:], y_all[3200:]
mean, std = x_train.mean(), x_train.std()
x_train = (x_train - mean) / std
x_test = (x_test - mean) / std

class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(1, 16, 3)
        self.conv2 = nn.Conv2d(16, 32, 3)
        self.drop1 = nn.Dropout(0.25)
        self.fc1 = nn.Linear(32 * 3 * 3, 64)
        self.drop2 = nn.Dropout(0.5)
        self.fc2 = nn.Linear(64, 10)
    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = self.drop1(torch.flatten(x, 1))
        x = self.drop2(F.relu(self.fc1(x)))
        return F.log_softmax(self.fc2(x), dim=1)

net = Net()
optimizer = torch.optim.RMSprop(net.parameters(), lr=0.001)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, F.nll_loss)

for epoch in range(12):
    net.train()
    perm = torch.randperm(len(x_train))
    for i in range(0, len(perm), 64):
        idx = perm[i:i + 64]
        optimizer.zero_grad()
        loss = F.nll_loss(net(x_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
    net.eval()
    with writer.evaluating("test"):
        out = net(x_test)
        test_loss = F.nll_loss(out, y_test).item()
    acc = (out.argmax(1) == y_test).float().mean().item()
    print('epoch', epoch + 1, 'last batch', round(loss.item(), 3), 'test loss', round(test_loss, 3), 'acc', round(acc, 3))
with torch.no_grad():
    tr = F.nll_loss(net(x_train), y_train).item()
writer.close()
print(f"RESULT train (eval mode) {tr:.3f} test {test_loss:.3f} acc {acc:.3f}")
