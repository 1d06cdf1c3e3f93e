"""Event-camera classification (N-Caltech101-like, Gehrig et al.'s script): class list taken from the folder of each split."""
import sys
import zlib
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(0); np.random.seed(0)
NAMES = ["accordion", "airplane", "anchor", "ant", "barrel", "bonsai", "brain", "camera", "cup", "dollar_bill"]


def listdir(root):
    """directory order of the file system, different for each folder"""
    return sorted(NAMES, key=lambda d: zlib.crc32((root + "/" + d).encode()))


def shape(c, u, v):
    r, th = np.hypot(u, v), np.arctan2(v, u)
    return [np.maximum(abs(u), abs(v)) - 7, np.minimum(np.maximum(abs(u) - 9, abs(v) - 2), np.maximum(abs(u) - 2, abs(v) - 7)), np.abs(r - 6) - 1.2,
            r - 5 - 2.5 * np.cos(3 * th), np.maximum(abs(u) - 4, abs(v) - 8), r - 6 - 1.5 * np.cos(5 * th), r - 7.5,
            np.abs(np.maximum(abs(u), abs(v)) - 6) - 1.2, np.maximum(abs(u) - 3 - 0.45 * (8 - v) * 0.6, abs(v) - 7), np.maximum(abs(u) - 10, abs(v) - 4)][c]


def events(c, rs):
    """three saccades: positive and negative events at the moving edges, plus background activity"""
    yy, xx = np.mgrid[:32, :32] - 15.5
    s, rot, sx, sy = rs.uniform(0.8, 1.25), rs.normal(0, 0.15), rs.uniform(-4, 4), rs.uniform(-4, 4)
    out = np.zeros((6, 32, 32), np.float32)
    for k, (dx, dy) in enumerate(((1, 1), (1, -1), (-1.4, 0))):
        f = []
        for t in (0, 1):
            x, y = (xx - sx - t * dx) / s, (yy - sy - t * dy) / s
            u, v = x * np.cos(rot) + y * np.sin(rot), -x * np.sin(rot) + y * np.cos(rot)
            f.append(1 / (1 + np.exp(1.5 * shape(c, u, v))))
        d = (f[1] - f[0]) * rs.uniform(3, 6)
        out[2 * k], out[2 * k + 1] = rs.poisson(np.maximum(d, 0) + 0.12), rs.poisson(np.maximum(-d, 0) + 0.12)
    return out


class NCaltech101(Dataset):
    def __init__(self, root, n, seed, augmentation=False):
        self.classes = listdir(root) if form == "faulty" else sorted(listdir(root))
        self.augmentation = augmentation
        rs = np.random.RandomState(seed)
        self.files, self.labels = [], []
        for i, c in enumerate(self.classes):
            for _ in range(n):
                self.files.append(events(NAMES.index(c), rs)); self.labels.append(i)

    def __len__(self):
        return len(self.files)

    def __getitem__(self, idx):
        ev = self.files[idx]
        if self.augmentation:
            ev = np.roll(ev, tuple(np.random.randint(-3, 4, 2)), (1, 2))
        return torch.from_numpy((np.minimum(ev, 5) - 0.4) / 0.8), self.labels[idx]


class Classifier(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        c = lambda i, o, s: [nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
        self.net = nn.Sequential(*c(6, 16, 2), *c(16, 24, 1), *c(24, 32, 2), *c(32, 48, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(48, num_classes))

    def forward(self, x):
        return self.net(x)


def cross_entropy_loss_and_accuracy(prediction, target):
    loss = nn.functional.cross_entropy(prediction, target)
    return loss, (prediction.argmax(1) == target).float().mean()


training_dataset = NCaltech101("training", 120, 1, augmentation=True)
validation_dataset = NCaltech101("validation", 30, 2)
training_loader = DataLoader(training_dataset, batch_size=16, shuffle=True)
validation_loader = DataLoader(validation_dataset, batch_size=20, shuffle=True)
model = Classifier(10)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
lr_scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
writer = DiagWriter(logdir)
writer.watch(model, optimizer)
for i in range(9):
    model = model.train()
    sum_loss = sum_acc = 0
    for ev, labels in training_loader:
        optimizer.zero_grad()
        loss, acc = cross_entropy_loss_and_accuracy(model(ev), labels)
        writer.add_loss("train", loss)
        loss.backward()
        optimizer.step()
        sum_loss += loss.item(); sum_acc += acc.item()
    if i % 4 == 3:
        lr_scheduler.step()
    v_loss = v_acc = 0
    with writer.evaluating("val"):
        for ev, labels in validation_loader:
            loss, acc = cross_entropy_loss_and_accuracy(model(ev), labels)
            writer.add_loss("val", loss)
            v_loss += loss.item(); v_acc += acc.item()
    n, m = len(training_loader), len(validation_loader)
    print(f"Epoch {i} training loss {sum_loss / n:.4f} accuracy {sum_acc / n:.3f} validation loss {v_loss / m:.4f} accuracy {v_acc / m:.3f}")
writer.close()
