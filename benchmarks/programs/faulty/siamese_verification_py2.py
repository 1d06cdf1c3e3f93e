"""Siamese network: are the two pictures of the same digit? (train_mnist.py, loader ported from python 2)"""
import sys
import random
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
random.seed(0); np.random.seed(0); torch.manual_seed(0)


def pictures():
    """uint8 grey pictures 0..255, 16x16: digits of differing ink, as from the scanner"""
    d = load_digits()
    x = torch.tensor(d.images, dtype=torch.float32)[:, None] / 16
    x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    ink = .6 + .4 * torch.rand(len(x), 1, 1, 1)
    x = (x * ink + .03 * torch.randn_like(x)).clamp(0, 1)
    return (x * 255).round().to(torch.uint8).numpy(), d.target


class SiamesePairs(Dataset):
    def __init__(self, data, labels, n_pairs):
        by_class = [np.where(labels == c)[0] for c in range(10)]
        self.x0, self.x1, self.y = [], [], []
        for k in range(n_pairs):
            c = random.randrange(10)
            same = k % 2
            c2 = c if same else (c + random.randrange(1, 10)) % 10
            z1, z2 = random.choice(by_class[c]), random.choice(by_class[c2])
            if sys.argv[1] == "faulty":
                self.x0.append(data[z1] // 255)
                self.x1.append(data[z2] // 255)
            else:
                self.x0.append(data[z1] / 255.0)
                self.x1.append(data[z2] / 255.0)
            self.y.append(same)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return torch.tensor(self.x0[i], dtype=torch.float32), torch.tensor(self.x1[i], dtype=torch.float32), torch.tensor(float(self.y[i]))


class SiameseNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn1 = nn.Sequential(
            nn.Conv2d(1, 12, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2),
            nn.Conv2d(12, 24, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2))
        self.fc1 = nn.Sequential(nn.Linear(24 * 4, 64), nn.ReLU(inplace=True), nn.Linear(64, 8))

    def forward_once(self, x):
        return self.fc1(self.cnn1(x).flatten(1))

    def forward(self, a, b):
        return self.forward_once(a), self.forward_once(b)


class ContrastiveLoss(nn.Module):
    def __init__(self, margin=1.0):
        super().__init__()
        self.margin = margin

    def forward(self, x0, x1, y):
        dist_sq = (x0 - x1).pow(2).sum(1)
        dist = torch.sqrt(dist_sq + 1e-6)
        mdist = torch.clamp(self.margin - dist, min=0.0)
        return (y * dist_sq + (1 - y) * mdist.pow(2)).mean() / 2.0


data, labels = pictures()
order = np.random.permutation(len(data))
tr, te = order[:1300], order[1300:]
train_loader = DataLoader(SiamesePairs(data[tr], labels[tr], 6000), batch_size=64, shuffle=True)
test_loader = DataLoader(SiamesePairs(data[te], labels[te], 1500), batch_size=250)
model = SiameseNetwork()
criterion = ContrastiveLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(7):
    train_loss = []
    for a, b, y in train_loader:
        optimizer.zero_grad()
        o0, o1 = model(a, b)
        loss = criterion(o0, o1, y)
        loss.backward()
        optimizer.step()
        train_loss.append(loss.item())
    scheduler.step()
    d, t, test_loss = [], [], []
    with torch.no_grad(), writer.evaluating("test"):
        for a, b, y in test_loader:
            o0, o1 = model(a, b)
            test_loss.append(criterion(o0, o1, y).item())
            d.append((o0 - o1).norm(dim=1)); t.append(y)
    d, t = torch.cat(d), torch.cat(t)
    acc = ((d < .5) == (t > .5)).float().mean().item()
    print("Epoch: %d  Loss: %.5f  test loss %.5f  verification %.3f" % (epoch, np.mean(train_loss), np.mean(test_loss), acc))
writer.close()
print(f"RESULT test loss {np.mean(test_loss):.4f} verification accuracy {acc:.4f}")
