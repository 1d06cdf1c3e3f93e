"""VGG-like net (configuration in a list, make_layers as in torchvision) on bird call spectrogram snippets, 6 species."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(16)
rng = np.random.default_rng(16)

cfg = [12, 12, "M", 24, 24, "M", 32, 32, "M"]


def make_layers(cfg, activation):
    layers, c = [], 1
    for v in cfg:
        if v == "M":
            layers.append(nn.MaxPool2d(2, 2))
        else:
            conv = nn.Conv2d(c, v, 3, padding=1)
            nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
            nn.init.constant_(conv.bias, 0)
            layers += [conv, activation()]
            c = v
    return nn.Sequential(*layers)


class VGG(nn.Module):
    def __init__(self, activation, num_classes=6):
        super().__init__()
        self.features = make_layers(cfg, activation)
        self.classifier = nn.Sequential(nn.Linear(32 * 9, 64), activation(), nn.Dropout(.2), nn.Linear(64, num_classes))
        for m in self.classifier:
            if isinstance(m, nn.Linear):
                nn.init.normal_(m.weight, 0, .05)
                nn.init.constant_(m.bias, 0)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


def call(k):
    t = np.linspace(0, 1, 24)
    f = np.arange(24)[:, None]
    base, width = rng.uniform(7, 13), rng.uniform(.9, 1.6)
    line = [base + 8 * (t - .5), base - 8 * (t - .5), base + 4 * np.sin(2 * np.pi * 2 * t + rng.uniform(0, 6)),
            base + 6 * np.abs(2 * t - 1) - 3, base + 0 * t, base + 4 * np.sign(np.sin(2 * np.pi * 2.5 * t + rng.uniform(0, 6)))][k]
    on = (t > rng.uniform(0, .2)) & (t < rng.uniform(.75, 1))
    s = np.exp(-((f - line) / width) ** 2) * on * rng.uniform(.8, 1.8)
    s += .4 * np.exp(-((f - 2 * line + 4) / width) ** 2) * on
    s += rng.gamma(1., .28, (24, 24))
    if rng.random() < .4:
        s[rng.integers(0, 24)] += rng.uniform(.3, .9)          # insect hum
    return np.log1p(3 * s)


def folder(n):
    y = rng.integers(0, 6, n)
    x = np.stack([call(k) for k in y])
    return TensorDataset(torch.tensor((x - .75) / .5, dtype=torch.float32)[:, None], torch.tensor(y))


trainset, testset = folder(2000), folder(700)
trainloader, testloader = DataLoader(trainset, 32, shuffle=True), DataLoader(testset, 350)
net = VGG(nn.Sigmoid if sys.argv[1] == "faulty" else nn.ReLU)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=.02, momentum=.9, weight_decay=5e-4)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)
for epoch in range(8):
    net.train()
    tl = 0
    for inputs, targets in trainloader:
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = criterion(outputs, targets)
        loss.backward()
        optimizer.step()
        tl += loss.item()
    net.eval()
    vl = correct = 0
    with torch.no_grad(), writer.evaluating("test"):
        for inputs, targets in testloader:
            outputs = net(inputs)
            vl += criterion(outputs, targets).item() / len(testloader)
            correct += outputs.max(1)[1].eq(targets).sum().item()
    print(f"epoch {epoch} train {tl / len(trainloader):.4f} test {vl:.4f} acc {correct / len(testset):.4f}")
writer.close()
print(f"RESULT test_loss {vl:.4f} test_acc {correct / len(testset):.4f}")
