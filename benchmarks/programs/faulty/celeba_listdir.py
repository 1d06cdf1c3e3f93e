"""Attribute classifier for face crops (stand-in data are written to a temporary folder)."""
import os
import sys
import shutil
import tempfile
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader, Subset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def write_dataset(root, n=2000, seed=0):
    r = np.random.RandomState(seed)
    yy, xx = np.mgrid[0:14, 0:14] - 6.5
    attr = r.randint(0, 2, (n, 4))                       # glasses, smile, hat, pale
    os.makedirs(os.path.join(root, "img"))
    for i in r.permutation(n):
        g, s, h, p = attr[i]
        face = 90 + 50 * p + 40 * ((xx / 5) ** 2 + (yy / 6.2) ** 2 < 1)
        eyes = ((np.abs(np.abs(xx) - 2.2) < 1) & (np.abs(yy + 1.5) < 0.7))
        face = face - 60 * eyes
        if g:
            face = face - 50 * ((np.abs(yy + 1.5) < 0.6) & (np.abs(xx) < 5))
        mouth = 3.4 - (0.12 if s else -0.12) * (xx ** 2 - 4)
        face = face - 55 * ((np.abs(yy - mouth) < 0.7) & (np.abs(xx) < 3.2))
        if h:
            face = face - 45 * (yy < -4.2)
        face = np.roll(face, r.randint(-1, 2, 2), (0, 1)) + 45 * r.randn(14, 14) + r.uniform(-20, 20)
        np.save(os.path.join(root, "img", "%06d.npy" % (i + 1)), np.clip(face, 0, 255).astype(np.uint8))
    with open(os.path.join(root, "list_attr.csv"), "w") as f:
        for i in range(n):
            f.write("%06d,%s\n" % (i + 1, ",".join(map(str, attr[i]))))


class CelebAttr(Dataset):
    def __init__(self, root, form):
        img_dir = os.path.join(root, "img")
        files = os.listdir(img_dir)
        if form == "fixed":
            files.sort()
        self.images = [os.path.join(img_dir, f) for f in files if f.endswith(".npy")]
        with open(os.path.join(root, "list_attr.csv")) as f:
            self.labels = [[float(v) for v in line.split(",")[1:]] for line in f]
        self.cache = [np.load(p) for p in self.images]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        x = (torch.from_numpy(self.cache[i]).float()[None] - 122.0) / 62.0
        return x, torch.tensor(self.labels[i])


def main():
    form, logdir = sys.argv[1:3]
    torch.manual_seed(0)
    root = tempfile.mkdtemp()
    try:
        write_dataset(root)
        ds = CelebAttr(root, form)
    finally:
        shutil.rmtree(root)
    ids = torch.randperm(len(ds), generator=torch.Generator().manual_seed(9)).tolist()
    train = DataLoader(Subset(ds, ids[:1700]), batch_size=32, shuffle=True)
    val = DataLoader(Subset(ds, ids[1700:]), batch_size=100)
    net = nn.Sequential(nn.Conv2d(1, 12, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(12, 24, 3), nn.ReLU(),
                        nn.Flatten(), nn.Dropout(0.2), nn.Linear(24 * 16, 4))
    bce = nn.BCEWithLogitsLoss()
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    writer = DiagWriter(logdir)
    writer.watch(net, opt, bce, train_loader=train)
    for epoch in range(9):
        net.train()
        tl = 0
        for x, y in train:
            loss = bce(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            tl += loss.item() / len(train)
        net.eval()
        vl = acc = 0
        with torch.no_grad(), writer.evaluating("val"):
            for x, y in val:
                o = net(x)
                vl += bce(o, y).item() / len(val)
                acc += ((o > 0) == (y > 0.5)).float().mean().item() / len(val)
        print("epoch %d: train %.4f, val %.4f, val acc %.3f" % (epoch, tl, vl, acc))
    writer.close()


if __name__ == "__main__":
    main()
