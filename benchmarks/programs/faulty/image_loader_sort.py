"""Property regression from molecule drawings, loaded from a folder with an image loader and a label csv."""
import csv
import os
import sys
import tempfile

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset, Subset

from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(0)


def write_data_set(folder, n=900, size=24, seed=0):
    """mol_1.npy ... mol_n.npy are drawings of rings on a chain; labels.csv has a solubility per row, in the same order."""
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[0:size, 0:size]
    rows = []
    for k in range(1, n + 1):
        img = np.zeros((size, size))
        rings, oxygens = rng.integers(0, 4), rng.integers(0, 5)
        y0 = rng.uniform(8, 16)
        img[np.abs(yy - y0 - 2 * np.sin(xx / 2)) < .8] = .5
        for _ in range(rings):
            cx, cy = rng.uniform(4, 20), y0 + rng.uniform(-4, 4)
            img[np.abs(np.hypot(xx - cx, yy - cy) - 3) < .7] = 1
        for _ in range(oxygens):
            cx, cy = rng.integers(2, 22), int(np.clip(y0 + rng.integers(-7, 8), 1, 21))
            img[cy:cy + 2, cx:cx + 2] = -1
        np.save(os.path.join(folder, f"mol_{k}.npy"), (img + rng.normal(0, .05, img.shape)).astype(np.float32))
        rows.append([f"mol_{k}", round(-1.1 * rings + 0.8 * oxygens + rng.normal(0, .15), 3)])
    with open(os.path.join(folder, "labels.csv"), "w", newline="") as fh:
        csv.writer(fh).writerows([["id", "logS"]] + rows)


class ImageLoader(Dataset):
    def __init__(self, folder, label_file):
        files = [f for f in os.listdir(folder) if f.endswith(".npy")]
        if form == "faulty":
            self.files = sorted(files)
        else:
            self.files = sorted(files, key=lambda f: int(f[:-4].split("_")[1]))
        self.folder = folder
        with open(os.path.join(folder, label_file)) as fh:
            labels = np.array([float(r["logS"]) for r in csv.DictReader(fh)], np.float32)
        self.labels = (labels - labels.mean()) / labels.std()
        self.images = [np.load(os.path.join(folder, f)) for f in self.files]

    def __len__(self):
        return len(self.files)

    def __getitem__(self, i):
        return torch.from_numpy(self.images[i])[None], torch.tensor([self.labels[i]])


class GraphlessNet(nn.Module):
    def __init__(self):
        super().__init__()
        chans = [1, 16, 32, 32]
        self.conv = nn.Sequential(*[m for i, o in zip(chans[:-1], chans[1:]) for m in (nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2))])
        self.dense = nn.Sequential(nn.Flatten(), nn.Linear(32 * 9, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 1))

    def forward(self, x):
        return self.dense(self.conv(x))


with tempfile.TemporaryDirectory() as folder:
    write_data_set(folder)
    dataset = ImageLoader(folder, "labels.csv")
train_set, valid_set = Subset(dataset, range(700)), Subset(dataset, range(700, 900))
train_loader = DataLoader(train_set, batch_size=25, shuffle=True)
valid_loader = DataLoader(valid_set, batch_size=100)

net = GraphlessNet()
loss_fn = nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=1.5e-3)
writer = DiagWriter(logdir)
writer.watch(net, opt, loss_fn, train_loader=train_loader)
for epoch in range(20):
    net.train()
    total = 0
    for x, y in train_loader:
        opt.zero_grad()
        loss = loss_fn(net(x), y)
        loss.backward()
        opt.step()
        total += loss.item() / len(train_loader)
    net.eval()
    with torch.no_grad(), writer.evaluating("valid"):
        vloss = np.mean([loss_fn(net(x), y).item() for x, y in valid_loader])
    if epoch % 4 == 3:
        print(f"epoch {epoch + 1}: train mse {total:.4f}, valid mse {vloss:.4f}, valid R2 {1 - vloss / dataset.labels[700:].var():.3f}")
writer.close()
