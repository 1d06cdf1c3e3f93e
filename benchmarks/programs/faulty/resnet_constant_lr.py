# small resnet, "cifar" recipe, with or without the famous drops of the learning rate
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(6)
np.random.seed(6)

CLASSES, SIZE, EPOCHS, BS = 8, 16, 12, 32
templates = np.random.normal(0, 1, (CLASSES, 4, 7, 7))


def make(n):
    y = np.random.randint(0, CLASSES, n)
    x = np.random.normal(0, 1.0, (n, 1, SIZE, SIZE))
    for i in range(n):
        for _ in range(2):
            r, c = np.random.randint(0, SIZE - 7, 2)
            x[i, 0, r:r + 7, c:c + 7] += 1.7 * templates[y[i], np.random.randint(4)]
    return torch.tensor(x / 1.4, dtype=torch.float32), torch.tensor(y)


xtr, ytr = make(3000)
xva, yva = make(1000)


class Res(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.a = nn.Sequential(nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c), nn.ReLU(),
                               nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c))

    def forward(self, x):
        return F.relu(x + self.a(x))


net = nn.Sequential(nn.Conv2d(1, 16, 5, padding=2, bias=False), nn.BatchNorm2d(16), nn.ReLU(), Res(16), nn.MaxPool2d(2),
                    nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), Res(32), nn.AdaptiveMaxPool2d(1),
                    nn.Flatten(), nn.Linear(32, CLASSES))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
if sys.argv[1] == "fixed":
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [7, 10], gamma=0.1)
else:
    scheduler = None
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)

for epoch in range(EPOCHS):
    net.train()
    total = 0.0
    perm = torch.randperm(len(xtr))
    for i in range(0, len(xtr), BS):
        x, y = xtr[perm[i:i + BS]], ytr[perm[i:i + BS]]
        x = torch.roll(x, torch.randint(-3, 4, (2,)).tolist(), (2, 3))
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() / 94
    if scheduler:
        scheduler.step()
    net.eval()
    with writer.evaluating("val"):
        out = net(xva)
        vl = criterion(out, yva).item()
    acc = (out.argmax(1) == yva).float().mean().item()
    print(f"{epoch:2d} train {total:.4f} val {vl:.4f} acc {acc:.4f}", flush=True)
writer.close()
print(f"RESULT train {total:.4f} val {vl:.4f} acc {acc:.4f}")
