"""Human activity recognition from channel state information; one folder per activity."""
import sys
import random
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
ACTIVITIES = ["bed", "fall", "pickup", "run", "sitdown", "standup", "walk"]


def record(activity, rng, T=40, sub=10):
    """amplitude of `sub` sub-carriers over T packets"""
    k = ACTIVITIES.index(activity)
    t = np.linspace(0, 1, T)
    c, w = rng.uniform(0.35, 0.65), 0.08 + 0.03 * k
    env = np.exp(-0.5 * ((t - c) / w) ** 2) if k < 4 else 1 / (1 + np.exp(-(t - c) * (12 if k != 6 else 0)))
    freq = [3, 9, 5, 13, 6, 6, 8][k] * rng.uniform(0.9, 1.1)
    sign = -1 if k == 4 else 1
    ph = rng.uniform(0, 6.28) + np.arange(sub)[:, None] * 0.3
    x = sign * env[None] * (1 + 0.0 * ph) * (0.8 if k in (4, 5) else 0) + env[None] * np.sin(2 * np.pi * freq * t[None] + ph)
    return (x + 0.5 * rng.randn(sub, T)).astype(np.float32)


class Disk:
    """what is on disk: {root: {activity: [recordings]}}"""

    def __init__(self):
        rng = np.random.RandomState(3)
        self.tree = {r: {a: [record(a, rng) for _ in range(n)] for a in ACTIVITIES}
                     for r, n in (("train_data", 200), ("test_data", 50))}

    def glob(self, root):
        """results in arbitrary order, like glob.glob(root + '/*/')"""
        names = list(self.tree[root])
        random.Random(root).shuffle(names)
        return [root + "/" + n for n in names]

    def files(self, folder):
        root, name = folder.split("/")
        return self.tree[root][name]


class CSI_Dataset(Dataset):
    def __init__(self, disk, root_dir, in_order):
        self.folder = disk.glob(root_dir)
        if in_order:
            self.folder.sort()
        self.category = {f: i for i, f in enumerate(self.folder)}
        self.data_list = [(x, self.category[f]) for f in self.folder for x in disk.files(f)]

    def __len__(self):
        return len(self.data_list)

    def __getitem__(self, i):
        x, y = self.data_list[i]
        return torch.from_numpy(x) / 0.8, y


class CSI_CNN(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv1d(10, 24, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
                                     nn.Conv1d(24, 32, 5, padding=2), nn.ReLU(), nn.AdaptiveMaxPool1d(4), nn.Flatten())
        self.fc = nn.Sequential(nn.Dropout(0.4), nn.Linear(128, n))

    def forward(self, x):
        return self.fc(self.encoder(x))


if __name__ == "__main__":
    form, logdir = sys.argv[1:3]
    torch.manual_seed(0)
    disk = Disk()
    train_loader = DataLoader(CSI_Dataset(disk, "train_data", form != "faulty"), batch_size=32, shuffle=True)
    test_loader = DataLoader(CSI_Dataset(disk, "test_data", form != "faulty"), batch_size=50)
    model = CSI_CNN(len(ACTIVITIES))
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    writer = DiagWriter(logdir)
    writer.watch(model, optimizer, criterion)
    for epoch in range(8):
        model.train()
        tl = ta = 0
        for x, y in train_loader:
            optimizer.zero_grad()
            out = model(x)
            loss = criterion(out, y)
            loss.backward()
            optimizer.step()
            tl += loss.item() / len(train_loader)
            ta += (out.argmax(1) == y).float().mean().item() / len(train_loader)
        model.eval()
        vl = va = 0
        with torch.no_grad():
            for x, y in test_loader:
                out = model(x)
                vl += criterion(out, y).item() / len(test_loader)
                va += (out.argmax(1) == y).float().mean().item() / len(test_loader)
        print("Epoch:{}, Accuracy:{:.4f}, Loss:{:.5f} | validation accuracy:{:.4f}, loss:{:.5f}".format(epoch + 1, ta, tl, va, vl))
    writer.close()
