"""ResNet for hyperspectral patches. python main.py -> trains, then tests."""
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(0)
np.random.seed(0)

BANDS, PATCH, NUM_CLASSES = 24, 7, 6


def spectra():
    """Reflectance curves (in sensor counts) of the six materials."""
    w = np.linspace(0, 1, BANDS)
    base = 900 + 1500 * w - 900 * w ** 2
    dips = [(0.2, .08, 260), (0.35, .06, -240), (0.5, .1, 220), (0.65, .05, -260), (0.8, .08, 240), (0.9, .12, -200)]
    return np.stack([base - a * np.exp(-((w - m) / s) ** 2) for m, s, a in dips])


def make_scene(n, seed):
    rng = np.random.default_rng(seed)
    lib = spectra()
    y = rng.integers(0, NUM_CLASSES, n)
    x = np.empty((n, BANDS, PATCH, PATCH), np.float32)
    for i, c in enumerate(y):
        other = rng.integers(0, NUM_CLASSES)
        mix = rng.uniform(0.5, 1, (1, PATCH, PATCH))
        mix[:, 2:5, 2:5] = rng.uniform(0.75, 1)
        patch = mix * lib[c][:, None, None] + (1 - mix) * lib[other][:, None, None]
        light = rng.uniform(0.9, 1.1) * (1 + 0.03 * rng.normal(size=(1, PATCH, PATCH)))
        x[i] = patch * light + 40 * rng.normal(size=patch.shape)
    return x, y


class Normalize:
    def __init__(self, mean, std):
        self.mean, self.std = mean[:, None, None], std[:, None, None]

    def __call__(self, x):
        return (x - self.mean) / self.std


class HSIDataset(Dataset):
    def __init__(self, x, y, transform=None):
        self.x, self.y, self.transform = x, y, transform

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        if self.transform is not None:
            x = self.transform(x)
        return torch.as_tensor(x, dtype=torch.float32), int(self.y[i])


class BasicBlock(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(cin, cout, 3, padding=1, bias=False), nn.BatchNorm2d(cout)
        self.conv2, self.bn2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False), nn.BatchNorm2d(cout)
        self.shortcut = nn.Sequential() if cin == cout else nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1, self.layer2 = BasicBlock(BANDS, 32), BasicBlock(32, 48)
        self.fc = nn.Linear(48, NUM_CLASSES)

    def forward(self, x):
        return self.fc(self.layer2(self.layer1(x)).mean((2, 3)))


x_train, y_train = make_scene(896, 1)
x_test, y_test = make_scene(400, 2)
norm = Normalize(x_train.mean((0, 2, 3)), x_train.std((0, 2, 3)))
train_transform = norm
test_transform = norm if form == "fixed" else None

train_loader = DataLoader(HSIDataset(x_train, y_train, train_transform), batch_size=64, shuffle=True)
test_loader = DataLoader(HSIDataset(x_test, y_test, test_transform), batch_size=100)

model = ResNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=5e-4)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

for epoch in range(12):
    model.train()
    correct = total = 0
    for data, label in train_loader:
        optimizer.zero_grad()
        out = model(data)
        loss = criterion(out, label)
        loss.backward()
        optimizer.step()
        correct += (out.argmax(1) == label).sum().item()
        total += len(label)
    model.eval()
    hits = test_loss = 0
    with torch.no_grad(), writer.evaluating("test"):
        for data, label in test_loader:
            out = model(data)
            test_loss += criterion(out, label).item() / len(test_loader)
            hits += (out.argmax(1) == label).sum().item()
    if epoch % 3 == 2:
        print(f"Epoch {epoch + 1}: train loss {loss.item():.4f} train acc {correct / total:.4f} | test loss {test_loss:.4f} test acc {hits / len(y_test):.4f}")
writer.close()
