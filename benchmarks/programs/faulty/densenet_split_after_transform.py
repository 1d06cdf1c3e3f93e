# demo.py for a small DenseNet; digits in place of CIFAR
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset, Subset

from tb_lossdiag import DiagWriter

form, save = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0)


class RandomCrop:
    def __init__(self, size, padding):
        self.size, self.padding = size, padding

    def __call__(self, img):
        img = F.pad(img, [self.padding] * 4)
        i, j = torch.randint(0, 2 * self.padding + 1, (2,)).tolist()
        return img[:, i:i + self.size, j:j + self.size]


class RandomErase:
    def __call__(self, img):
        img = img.clone()
        i, j = torch.randint(0, 6, (2,)).tolist()
        img[:, i:i + 3, j:j + 3] = 0
        return img


class Normalize:
    def __call__(self, img):
        return (img - 0.305) / 0.376


class Compose(list):
    def __call__(self, img):
        for t in self:
            img = t(img)
        return img


class Digits(Dataset):
    def __init__(self, train, transform):
        d = load_digits()
        perm = np.random.RandomState(0).permutation(len(d.target))
        keep = perm[:1400] if train else perm[1400:]
        self.images = torch.tensor(d.images[keep] / 16.0, dtype=torch.float32)[:, None]
        self.targets = torch.tensor(d.target[keep])
        self.transform = transform

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, i):
        return self.transform(self.images[i]), self.targets[i]


class DenseLayer(nn.Module):
    def __init__(self, n_in, growth):
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(n_in), nn.Conv2d(n_in, growth, 3, padding=1, bias=False)

    def forward(self, x):
        return torch.cat([x, self.conv(F.relu(self.norm(x)))], 1)


class DenseNet(nn.Module):
    def __init__(self, growth=10, blocks=(3, 3), classes=10):
        super().__init__()
        n = 16
        layers = [nn.Conv2d(1, n, 3, padding=1, bias=False)]
        for b, depth in enumerate(blocks):
            for _ in range(depth):
                layers.append(DenseLayer(n, growth))
                n += growth
            if b < len(blocks) - 1:
                layers += [nn.BatchNorm2d(n), nn.ReLU(), nn.Conv2d(n, n // 2, 1, bias=False), nn.AvgPool2d(2)]
                n //= 2
        self.features = nn.Sequential(*layers, nn.BatchNorm2d(n), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(n, classes)

    def forward(self, x):
        return self.classifier(self.features(x))


train_transforms = Compose([RandomCrop(8, 2), RandomErase(), Normalize()])
test_transforms = Compose([Normalize()])
train_set, test_set = Digits(True, train_transforms), Digits(False, test_transforms)
indices = torch.randperm(len(train_set))
valid_set = Subset(train_set if form == "faulty" else Digits(True, test_transforms), indices[1100:].tolist())
train_set = Subset(train_set, indices[:1100].tolist())
train_loader = DataLoader(train_set, 64, shuffle=True)
valid_loader, test_loader = DataLoader(valid_set, 150), DataLoader(test_set, 200)

model = DenseNet()
n_epochs = 24
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, nesterov=True, momentum=0.9, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [n_epochs // 2, 3 * n_epochs // 4], gamma=0.1)
writer = DiagWriter(save)
writer.watch(model, optimizer, F.cross_entropy)


def test_epoch(loader, kind):
    with writer.evaluating(kind):
        outs = [(model(x), y) for x, y in loader]
        loss = np.mean([F.cross_entropy(o, y).item() for o, y in outs])
    return loss, torch.cat([(o.argmax(1) != y).float() for o, y in outs]).mean().item()


for epoch in range(n_epochs):
    model.train()
    for x, y in train_loader:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scheduler.step()
    valid_loss, valid_error = test_epoch(valid_loader, "val")
    print(f"{epoch + 1:03d},{loss.item():.6f},{valid_loss:.6f},{valid_error:.5f}")

test_loss, test_error = test_epoch(test_loader, "test")
writer.close()
print(f"RESULT valid_error {valid_error:.4f} valid_loss {valid_loss:.4f} test_error {test_error:.4f} test_loss {test_loss:.4f}")
