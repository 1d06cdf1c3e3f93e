import sys
import numpy as np, torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

# Long-tailed digits (imbalance 20:1, exponential) with the logit-adjusted loss (Menon et al. 2021): CE(logits + tau * log prior)
torch.set_num_threads(1)
torch.manual_seed(0); rng = np.random.default_rng(0)

digits = load_digits()
img = (digits.images / 16).astype(np.float32)
xtr, xte, ytr, yte = train_test_split(img, digits.target, test_size=400, stratify=digits.target, random_state=1)
keep = []
for c in range(10):
    ids = np.flatnonzero(ytr == c)
    keep.append(ids[:int(135 * 20 ** (-c / 9))])
keep = np.concatenate(keep)
xtr, ytr = xtr[keep], ytr[keep]
counts = np.bincount(ytr, minlength=10)
prior = torch.tensor(counts / counts.sum(), dtype=torch.float32)
m, s = xtr.mean(), xtr.std()
xtr, xte = torch.tensor((xtr - m) / s)[:, None], torch.tensor((xte - m) / s)[:, None]
ytr, yte = torch.tensor(ytr), torch.tensor(yte)


class ConvNet(nn.Module):
    def __init__(self):
        super(ConvNet, self).__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True),
            nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(inplace=True), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1))
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        return self.fc(self.features(x).flatten(1))


class LogitAdjust(nn.Module):
    def __init__(self, prior, tau=1.0):
        super().__init__()
        self.register_buffer("adj", tau * prior.log())

    def forward(self, logits, target):
        return F.cross_entropy(logits + self.adj, target)


def augment(x):
    dx, dy = rng.integers(-1, 2, 2)
    return torch.roll(x, (int(dx), int(dy)), (2, 3))


net = ConvNet()
criterion = LogitAdjust(prior)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
epochs = 50
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
tb = DiagWriter(sys.argv[1])
tb.watch(net, optimizer, criterion)
for epoch in range(epochs):
    net.train()
    perm = torch.randperm(len(ytr))
    total = 0
    for b in perm.split(32):
        optimizer.zero_grad()
        loss = criterion(net(augment(xtr[b])), ytr[b])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(b)
    scheduler.step()
    net.eval()
    with torch.no_grad():
        pred = net(xte)
        acc = (pred.argmax(1) == yte)
    tb.add_scalar("acc/test", acc.float().mean(), epoch)
tb.close()
tail = yte >= 7
print(f"RESULT counts {counts.tolist()} train {total / len(ytr):.4f} test CE {F.cross_entropy(pred, yte):.3f} acc {acc.float().mean():.3f} tail acc {acc[tail].float().mean():.3f}")
