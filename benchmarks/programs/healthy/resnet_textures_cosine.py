'''Train a small ResNet, after kuangliu/pytorch-cifar.'''
import sys
import torch, torch.nn as nn, torch.optim as optim
import torch.nn.functional as F
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(0)

class BasicBlock(nn.Module):
    def __init__(self, in_planes, planes, stride=1):
        super(BasicBlock, self).__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != planes:
            self.shortcut = nn.Sequential(nn.Conv2d(in_planes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))
    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)

class ResNet(nn.Module):
    def __init__(self, num_classes=6):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.layers = nn.Sequential(BasicBlock(8, 8), BasicBlock(8, 16, 2), BasicBlock(16, 32, 2))
        self.linear = nn.Linear(32, num_classes)
    def forward(self, x):
        out = self.layers(F.relu(self.bn1(self.conv1(x))))
        return self.linear(F.adaptive_avg_pool2d(out, 1).flatten(1))

def textures(n, g):
    y = torch.randint(0, 6, (n,), generator=g)
    yy, xx = torch.meshgrid(torch.arange(16.), torch.arange(16.), indexing="ij")
    r = lambda *s: torch.rand(*s, generator=g)
    freq = torch.tensor([.8, .8, 1.3, 1.3, 1.9, 1.9])[y].view(-1, 1, 1) * (.85 + .3 * r(n, 1, 1))
    ang = torch.where(y % 2 == 0, 0., .9).view(-1, 1, 1) + .45 * torch.randn(n, 1, 1, generator=g)
    wave = torch.sin(freq * (xx * ang.cos() + yy * ang.sin()) + 6.28 * r(n, 1, 1))
    x = .5 + .22 * wave[:, None] * (.4 + r(n, 3, 1, 1)) + .25 * (r(n, 3, 1, 1) - .5)
    return (x + .2 * torch.randn(n, 3, 16, 16, generator=g)).clamp(0, 1), y

g = torch.Generator().manual_seed(12)
Xtr, ytr = textures(4000, g)
Xte, yte = textures(1000, g)
mu, sd = Xtr.mean((0, 2, 3), keepdim=True), Xtr.std((0, 2, 3), keepdim=True)
Xtr, Xte = (Xtr - mu) / sd, (Xte - mu) / sd
def augment(x):
    p = F.pad(x, (2, 2, 2, 2))
    i, j = torch.randint(0, 5, (2,)).tolist()
    return p[:, :, i:i + 16, j:j + 16]

net = ResNet()
EPOCHS = 10
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS)
w = DiagWriter(sys.argv[1])
w.watch(net, optimizer, criterion)
for epoch in range(EPOCHS):
    net.train()
    train_loss = correct = 0
    for idx in torch.randperm(4000).split(128):
        inputs, targets = augment(Xtr[idx]), ytr[idx]
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = criterion(outputs, targets)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * len(idx) / 4000
        correct += outputs.argmax(1).eq(targets).sum().item()
    with w.evaluating("test"):
        out = torch.cat([net(b) for b in Xte.split(100)])
        tl = criterion(out, yte).item()
    print(f"Epoch {epoch} Loss: {train_loss:.3f} | Acc {correct/40:.2f}% test {tl:.3f} {out.argmax(1).eq(yte).float().mean():.3f}")
    scheduler.step()
w.close()
