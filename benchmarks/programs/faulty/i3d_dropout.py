import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.manual_seed(0)
torch.set_num_threads(1)
T, S = 6, 12


def clips(n, seed):
    """a noisy blob moving in one of 8 directions or standing still"""
    g = np.random.default_rng(seed)
    y = g.integers(0, 9, n)
    ang = y * np.pi / 4
    v = np.where(y[:, None] == 8, 0, np.stack([np.sin(ang), np.cos(ang)], 1)) * g.uniform(.8, 1.3, (n, 1))
    p0 = S / 2 + g.normal(0, 1.0, (n, 2)) - v * T / 2
    t = np.arange(T)
    pos = p0[:, None] + v[:, None] * t[None, :, None]
    yy, xx = np.mgrid[:S, :S]
    d2 = (yy - pos[..., 0, None, None]) ** 2 + (xx - pos[..., 1, None, None]) ** 2
    x = 2.5 * np.exp(-d2 / 3) + g.normal(0, .4, d2.shape)
    x = (x - x.mean()) / x.std()
    return TensorDataset(torch.from_numpy(x.astype(np.float32))[:, None], torch.from_numpy(y))


class Unit3D(nn.Module):
    def __init__(self, i, o, kernel=3, stride=1):
        super().__init__()
        self.conv3d = nn.Conv3d(i, o, kernel, stride, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm3d(o, eps=0.001, momentum=0.05)

    def forward(self, x):
        return torch.relu(self.bn(self.conv3d(x)))


class InceptionI3d(nn.Module):
    def __init__(self, num_classes=9, dropout_keep_prob=0.9):
        super().__init__()
        self.features = nn.Sequential(Unit3D(1, 8), Unit3D(8, 16, stride=2), Unit3D(16, 24, stride=(1, 2, 2)))
        self.avg_pool = nn.AdaptiveAvgPool3d((1, 3, 3))
        p = dropout_keep_prob if form == "faulty" else 1 - dropout_keep_prob
        self.dropout = nn.Dropout(p)
        self.mixed = nn.Sequential(nn.Linear(24 * 9, 48), nn.ReLU(), nn.Dropout(p))
        self.logits = nn.Linear(48, num_classes)

    def forward(self, x):
        x = self.dropout(self.avg_pool(self.features(x)).flatten(1))
        return self.logits(self.mixed(x))


train = DataLoader(clips(900, 1), batch_size=30, shuffle=True)
test = DataLoader(clips(300, 2), batch_size=100)
i3d = InceptionI3d()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(i3d.parameters(), lr=0.03, momentum=0.9, weight_decay=1e-6)
lr_sched = torch.optim.lr_scheduler.MultiStepLR(optimizer, [9])
writer = DiagWriter(logdir)
writer.watch(i3d, optimizer, criterion)

for epoch in range(12):
    i3d.train(True)
    tot = 0.0
    for x, y in train:
        optimizer.zero_grad()
        loss = criterion(i3d(x), y)
        loss.backward()
        optimizer.step()
        tot += loss.item() / len(train)
    lr_sched.step()
    i3d.train(False)
    tl, ok = 0.0, 0
    with torch.no_grad(), writer.evaluating("val"):
        for x, y in test:
            out = i3d(x)
            tl += criterion(out, y).item() / len(test)
            ok += (out.argmax(1) == y).sum().item()
    print(f"epoch {epoch} train {tot:.4f} val {tl:.4f} acc {ok / 300:.3f}")
writer.close()
