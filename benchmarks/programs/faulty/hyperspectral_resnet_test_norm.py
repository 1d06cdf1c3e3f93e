# Small ResNet on 5-band 9x9 satellite patches, 7 land cover classes
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader, random_split
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(21)
rng = np.random.default_rng(21)
BANDS, SIDE = 5, 9
CLASSES = ["water", "forest", "crop", "bare", "urban", "wetland", "grass"]
SIGN = np.array([[.06, .05, .04, .02, .01], [.04, .07, .04, .34, .16], [.06, .10, .09, .30, .24], [.14, .18, .24, .30, .36],
                 [.15, .16, .18, .22, .24], [.05, .07, .05, .17, .08], [.05, .10, .07, .33, .22]])


def patches(n):
    y = rng.integers(0, 7, n)
    mix = rng.beta(1.1, 5, n)[:, None] * .9                    # mixed pixels
    other = rng.integers(0, 7, n)
    spec = SIGN[y] * (1 - mix) + SIGN[other] * mix
    spec = spec * rng.normal(1, .10, (n, 1)) + rng.normal(0, .008, (n, BANDS))
    x = spec[:, :, None, None] + rng.normal(0, .03, (n, BANDS, SIDE, SIDE)) * (.5 + 1.5 * (y == 4)[:, None, None, None])
    row = (np.arange(SIDE) % 3 == 0)[None, None, :, None] * .045 * (y == 2)[:, None, None, None]
    return (x + row).astype(np.float32), y


class PatchSet(Dataset):
    def __init__(self, x, y, transform=None):
        self.x, self.y, self.transform = torch.from_numpy(x), torch.from_numpy(y), transform

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        if self.transform:
            x = self.transform(x)
        return x, self.y[i]


class Normalize:
    def __init__(self, mean, std):
        self.mean, self.std = mean[:, None, None], std[:, None, None]

    def __call__(self, x):
        return (x - self.mean) / self.std


class BasicBlock(nn.Module):
    def __init__(self, cin, c, stride=1):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(cin, c, 3, stride, 1, bias=False), nn.BatchNorm2d(c)
        self.conv2, self.bn2 = nn.Conv2d(c, c, 3, 1, 1, bias=False), nn.BatchNorm2d(c)
        self.shortcut = nn.Sequential() if cin == c and stride == 1 else nn.Sequential(
            nn.Conv2d(cin, c, 1, stride, bias=False), nn.BatchNorm2d(c))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.b1, self.b2 = BasicBlock(BANDS, 12), BasicBlock(12, 24, 2)
        self.fc = nn.Linear(24, 7)

    def forward(self, x):
        return self.fc(self.b2(self.b1(x)).mean((2, 3)))


xa, ya = patches(2600)
xt, yt = patches(600)
mean, std = torch.tensor(xa.mean((0, 2, 3))), torch.tensor(xa.std((0, 2, 3)))
transform_train = Normalize(mean, std)
transform_test = None if sys.argv[1] == "faulty" else Normalize(mean, std)
full = PatchSet(xa, ya, transform_train)
trainset, valset = random_split(full, [2100, 500])
testset = PatchSet(xt, yt, transform_test)
trainloader = DataLoader(trainset, 32, shuffle=True)
valloader, testloader = DataLoader(valset, 100), DataLoader(testset, 100)

net = ResNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.03, momentum=0.9, weight_decay=5e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=8)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)


def run(loader):
    net.eval()
    s = c = k = 0
    with torch.no_grad():
        for x, y in loader:
            o = net(x)
            s += criterion(o, y).item() * len(y)
            c += (o.argmax(1) == y).sum().item()
            k += len(y)
    return s / k, c / k


for epoch in range(8):
    net.train()
    tot = 0
    for x, y in trainloader:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
        tot += loss.item()
    scheduler.step()
    with writer.evaluating("val"):
        vl, va = run(valloader)
    with writer.evaluating("test"):
        tl, ta = run(testloader)
    print(f"Epoch {epoch + 1}: train {tot / len(trainloader):.3f} | val {vl:.3f} {va:.3f} | test {tl:.3f} {ta:.3f}")
writer.close()
print(f"RESULT val_loss {vl:.4f} val_acc {va:.4f} test_loss {tl:.4f} test_acc {ta:.4f}")
