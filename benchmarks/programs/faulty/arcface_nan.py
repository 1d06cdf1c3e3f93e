"""ArcFace on a made-up identity set, 2-d embeddings so that they can be drawn."""
from __future__ import print_function
import math
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn import Parameter
from torch.utils import data

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(3)


class ArcMarginProduct(nn.Module):
    r"""Implement of large margin arc distance: cos(theta + m)"""

    def __init__(self, in_features, out_features, s=12.0, m=0.20, easy_margin=False):
        super(ArcMarginProduct, self).__init__()
        self.s, self.m = s, m
        self.weight = Parameter(torch.FloatTensor(out_features, in_features))
        nn.init.xavier_uniform_(self.weight)
        self.easy_margin = easy_margin
        self.cos_m, self.sin_m = math.cos(m), math.sin(m)
        self.th, self.mm = math.cos(math.pi - m), math.sin(math.pi - m) * m

    def forward(self, input, label):
        cosine = F.linear(F.normalize(input), F.normalize(self.weight))
        if form == "faulty":
            sine = torch.sqrt((1.0 - torch.pow(cosine, 2)).clamp(0, 1))
        else:
            sine = torch.sqrt((1.0 - torch.pow(cosine, 2)).clamp(1e-6, 1))
        phi = cosine * self.cos_m - sine * self.sin_m
        phi = torch.where(cosine > 0, phi, cosine) if self.easy_margin else torch.where(cosine > self.th, phi, cosine - self.mm)
        one_hot = torch.zeros(cosine.size())
        one_hot.scatter_(1, label.view(-1, 1).long(), 1)
        return self.s * (one_hot * phi + (1.0 - one_hot) * cosine)


class FaceNet(nn.Module):
    def __init__(self, dim=2):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.PReLU(), nn.MaxPool2d(2),
                                 nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.PReLU(), nn.MaxPool2d(2), nn.Flatten(),
                                 nn.Linear(32 * 9, 64), nn.PReLU(), nn.Linear(64, dim))

    def forward(self, x):
        return self.net(x)


class Faces(data.Dataset):
    """Every identity is a smooth pattern, seen under shift, gain and noise."""

    def __init__(self, n, identities=6, seed=0):
        g = np.random.default_rng(0)
        base = [np.kron(g.uniform(0, 1, (4, 4)), np.ones((4, 4)))[:14, :14] for _ in range(identities)]
        rng = np.random.default_rng(seed)
        self.labels = rng.integers(0, identities, n)
        self.imgs = [np.roll(base[k], rng.integers(-1, 2, 2), (0, 1))[:12, :12] * rng.uniform(.7, 1.2) + rng.normal(0, .12, (12, 12))
                     for k in self.labels]

    def __len__(self):
        return len(self.imgs)

    def __getitem__(self, i):
        return torch.tensor((self.imgs[i] - .5) / .3, dtype=torch.float32)[None], int(self.labels[i])


trainloader = data.DataLoader(Faces(1200, seed=1), batch_size=60, shuffle=True)
test_x, test_y = next(iter(data.DataLoader(Faces(400, seed=2), batch_size=400)))

model, metric_fc = FaceNet(), ArcMarginProduct(2, 6)
criterion = torch.nn.CrossEntropyLoss()
optimizer = torch.optim.SGD([{'params': model.parameters()}, {'params': metric_fc.parameters()}], lr=0.1, momentum=0.9, weight_decay=5e-4)
whole = nn.ModuleDict({"backbone": model, "metric_fc": metric_fc})
writer = DiagWriter(logdir)
writer.watch(whole, optimizer, criterion)

for epoch in range(20):
    model.train()
    for ii, (img, label) in enumerate(trainloader):
        output = metric_fc(model(img), label)
        loss = criterion(output, label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        cos = F.linear(F.normalize(model(test_x)), F.normalize(metric_fc.weight))
        acc = (cos.argmax(1) == test_y).float().mean().item()
    if epoch % 4 == 0:
        print('train epoch {} iter {} loss {:.4f} test acc {:.3f}'.format(epoch, ii, loss.item(), acc))
print('end loss {:.4f} test acc {:.3f}'.format(loss.item(), acc))
writer.close()
