import sys, random
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
import torch.nn.functional as F
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)

# Fruit 360-like toy set: 8 fruits, 24x24 RGB, drawn with varying size/colour/light
SEED = 1
random.seed(SEED); np.random.seed(SEED); torch.manual_seed(SEED)
FRUITS = ["apple", "orange", "lemon", "lime", "plum", "pear", "banana", "kiwi"]
#          r    g    b    aspect tilt
SPEC = [(.75, .2, .15, 1., 0), (.95, .55, .1, 1., 0), (.9, .85, .2, 1.35, 0), (.35, .7, .2, 1.2, 0),
        (.45, .15, .4, 1.15, 0), (.7, .75, .25, 1.5, .5), (.92, .85, .25, 2.3, 1.), (.5, .4, .2, 1.2, 0)]


def draw(k):
    r, g, b, asp, bend = SPEC[k]
    col = np.array([r, g, b]) + np.random.normal(0, .09, 3)
    yy, xx = np.mgrid[:24, :24] - 11.5
    yy, xx = yy + np.random.uniform(-3, 3), xx + np.random.uniform(-3, 3)
    a = np.random.uniform(0, np.pi)
    u, v = np.cos(a) * xx + np.sin(a) * yy, -np.sin(a) * xx + np.cos(a) * yy
    v = v + bend * u * u * .05
    s = np.random.uniform(4.5, 7.5)
    m = 1 / (1 + np.exp(((u / asp ** .5) ** 2 + (v * asp ** .5) ** 2 - s * s) / 6))
    bg = np.random.uniform(.3, .95) + np.random.normal(0, .05, 3)
    light = 1 + .25 * (np.cos(np.random.uniform(0, 6)) * u + v) / 10
    img = bg[:, None, None] * (1 - m) + col[:, None, None] * m * light
    return np.clip(img + np.random.normal(0, .09, img.shape), 0, 1)


def build(n):
    y = np.random.randint(0, 8, n)
    x = np.stack([draw(k) for k in y])
    return (torch.tensor(x, dtype=torch.float32) - .5) / .25, torch.tensor(y)


x_train, y_train = build(2000)
x_val, y_val = build(500)


class MiniVGG(nn.Module):
    cfg = [12, 'M', 24, 'M', 32, 'M']

    def __init__(self, n_classes):
        super().__init__()
        layers, c = [], 3
        for v in self.cfg:
            if v == 'M':
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(c, v, 3, padding=1), nn.ReLU(True)]
                c = v
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Linear(c * 9, 64), nn.ReLU(True), nn.Dropout(.3), nn.Linear(64, n_classes))
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, nonlinearity='relu')
                nn.init.zeros_(m.bias)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


net = MiniVGG(len(FRUITS))
criterion = nn.CrossEntropyLoss()
learning_rate = 0.1 if sys.argv[1] == "faulty" else 0.01
optimizer = optim.SGD(net.parameters(), lr=learning_rate, momentum=0.9, weight_decay=5e-4)
scheduler = optim.lr_scheduler.MultiStepLR(optimizer, [7, 10], 0.2)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)
BS = 32
for epoch in range(12):
    net.train()
    perm = torch.randperm(len(x_train))
    loss_sum = correct = 0
    for i in range(0, len(perm), BS):
        xb, yb = x_train[perm[i:i + BS]], y_train[perm[i:i + BS]]
        optimizer.zero_grad()
        out = net(xb)
        loss = criterion(out, yb)
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(xb)
        correct += (out.argmax(1) == yb).sum().item()
    scheduler.step()
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = net(x_val)
        val_loss = criterion(out, y_val).item()
        val_acc = (out.argmax(1) == y_val).float().mean().item()
    print("[%2d] loss %.3f acc %.3f | val loss %.3f acc %.3f" % (epoch + 1, loss_sum / len(x_train), correct / len(x_train), val_loss, val_acc))
writer.close()
print(f"RESULT train_loss {loss_sum / len(x_train):.4f} val_loss {val_loss:.4f} val_acc {val_acc:.4f}")
