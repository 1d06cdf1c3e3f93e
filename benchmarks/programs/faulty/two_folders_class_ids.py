"""Bird calls from two collections, concatenated. Like ImageFolder, each collection numbers the classes by its own folders."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, ConcatDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(6)
ALL = ["blackbird", "bluetit", "chaffinch", "dunnock", "robin", "starling", "wren"]


def spectrogram(name, r):
    k = ALL.index(name)
    t = np.linspace(0, 1, 20)
    img = 0.35 * r.normal(size=(20, 20))
    f0, slope, rate = 5 + 1.3 * k, [3, -4, 6, 0, -2, 2, -6][k], [2, 3, 1, 4, 2, 5, 3][k]
    line = f0 + slope * (t - 0.5) + 1.5 * np.sin(2 * np.pi * rate * (t + r.random())) + r.normal(0, 0.7)
    for j in range(20):
        img[:, j] += 1.3 * np.exp(-0.5 * ((np.arange(20) - line[j]) / 0.9) ** 2)
    return img.astype(np.float32)[None]


class FolderDataset(Dataset):
    def __init__(self, folders, n, seed, class_to_idx=None):
        r = np.random.default_rng(seed)
        self.classes = sorted(folders)
        self.class_to_idx = class_to_idx or {c: i for i, c in enumerate(self.classes)}
        names = r.choice(self.classes, n)
        self.samples = [(spectrogram(c, r), self.class_to_idx[c]) for c in names]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, i):
        x, y = self.samples[i]
        return torch.from_numpy(x) * 1.6 - 0.3, y


xeno = FolderDataset(ALL, 1500, 0)
if sys.argv[1] == "faulty":
    club = FolderDataset(ALL[2:], 1000, 1)                     # the club never recorded blackbird and bluetit
else:
    club = FolderDataset(ALL[2:], 1000, 1, class_to_idx=xeno.class_to_idx)
valid = FolderDataset(ALL, 600, 2)
train_loader = DataLoader(ConcatDataset([xeno, club]), batch_size=32, shuffle=True)
valid_loader = DataLoader(valid, batch_size=200)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
                                  nn.Conv2d(12, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2))
        self.fc = nn.Sequential(nn.Dropout(0.4), nn.Linear(24 * 25, 7))

    def forward(self, x):
        return self.fc(self.conv(x).flatten(1))


net = Net()
ce = nn.CrossEntropyLoss()
opt = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, ce)
for epoch in range(8):
    net.train()
    tot = 0
    for x, y in train_loader:
        opt.zero_grad()
        loss = ce(net(x), y)
        loss.backward()
        opt.step()
        tot += loss.item() / len(train_loader)
    net.eval()
    vl = acc = 0
    with writer.evaluating("val"):
        for x, y in valid_loader:
            o = net(x)
            vl += ce(o, y).item() / 3
            acc += (o.argmax(1) == y).float().mean().item() / 3
    print(f"{epoch} train {tot:.3f} val {vl:.3f} acc {acc:.3f}")
writer.close()
print(f"RESULT val loss {vl:.3f} acc {acc:.3f}")
