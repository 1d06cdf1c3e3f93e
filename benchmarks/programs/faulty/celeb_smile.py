"""Attribute classifier (smiling / not smiling) trained on a folder of face pictures + list_attr file.
Small re-implementation of the classifier of our StylEx reproduction."""
import argparse
import os
import sys
import tempfile
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader, Subset
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument("form", choices=["faulty", "fixed"])
parser.add_argument("logdir")
parser.add_argument("--n", type=int, default=1600)
parser.add_argument("--epochs", type=int, default=8)
args = parser.parse_args()
torch.manual_seed(0)


def draw_face(rng, smiling, s=32):
    yy, xx = np.mgrid[0:s, 0:s].astype(np.float32)
    cx, cy, r = s / 2 + rng.uniform(-2, 2), s / 2 + rng.uniform(-2, 2), rng.uniform(11, 14)
    skin = rng.uniform(0.5, 0.85)
    img = rng.uniform(0.1, 0.3) + 0.05 * rng.randn(s, s)
    img[(xx - cx) ** 2 + (yy - cy) ** 2 < r ** 2] = skin
    for side in (-1, 1):
        img[(xx - cx - side * r * 0.4) ** 2 + (yy - cy + r * 0.3) ** 2 < 2.5] = 0.1
    bend = rng.uniform(1.2, 2.6) * (1 if smiling else -0.6)
    for t in np.linspace(-1, 1, 25):
        px, py = cx + t * r * 0.45, cy + r * 0.45 - bend * (t ** 2 - 0.5)
        img[int(np.clip(py, 0, s - 1)), int(np.clip(px, 0, s - 1))] = 0.15
    return (np.clip(img + 0.04 * rng.randn(s, s), 0, 1) * 255).astype(np.uint8)


def make_celeb_dir(root, n):
    rng = np.random.RandomState(5)
    os.makedirs(os.path.join(root, "img_align_celeba"))
    with open(os.path.join(root, "list_attr_celeba.csv"), "w") as f:
        f.write("image_id,Smiling\n")
        for i in range(1, n + 1):
            smiling = int(rng.rand() < 0.5)
            np.save(os.path.join(root, "img_align_celeba", f"{i:06d}.npy"), draw_face(rng, smiling))
            f.write(f"{i:06d}.npy,{smiling}\n")


class CelebDataset(Dataset):
    def __init__(self, celeb_dir):
        image_path = os.path.join(celeb_dir, "img_align_celeba")
        list_files = os.listdir(image_path)
        if args.form == "fixed":
            list_files.sort()
        self.images = [os.path.join(image_path, f) for f in list_files if f.endswith(".npy")]
        with open(os.path.join(celeb_dir, "list_attr_celeba.csv")) as f:
            self.labels = [int(line.strip().split(",")[1]) for line in f.readlines()[1:]]
        assert len(self.images) == len(self.labels)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        img = torch.from_numpy(np.load(self.images[i])).float().div(255).sub(0.5).div(0.25)
        return img.unsqueeze(0), self.labels[i]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        def block(i, o):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))
        self.features = nn.Sequential(block(1, 8), block(8, 16), block(16, 32))
        self.head = nn.Linear(32 * 16, 2)

    def forward(self, x):
        return self.head(self.features(x).flatten(1))


with tempfile.TemporaryDirectory() as root:
    make_celeb_dir(root, args.n)
    data = CelebDataset(root)
    n_val = args.n // 5
    perm = torch.randperm(len(data), generator=torch.Generator().manual_seed(1)).tolist()
    train_loader = DataLoader(Subset(data, perm[n_val:]), batch_size=32, shuffle=True)
    val_loader = DataLoader(Subset(data, perm[:n_val]), batch_size=128)

    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    writer = DiagWriter(args.logdir)
    writer.watch(model, optimizer, criterion, train_loader=train_loader)

    for epoch in range(args.epochs):
        model.train()
        total, correct, seen = 0.0, 0, 0
        for imgs, labels in train_loader:
            logits = model(imgs)
            loss = criterion(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            correct += (logits.argmax(1) == labels).sum().item()
            seen += len(labels)
        model.eval()
        with torch.no_grad(), writer.evaluating("val"):
            v = [(criterion(o := model(i), l).item() * len(l), (o.argmax(1) == l).sum().item()) for i, l in val_loader]
        print(f"[{epoch}] train loss {total / seen:.4f} acc {correct / seen:.3f} | "
              f"val loss {sum(a for a, _ in v) / n_val:.4f} acc {sum(b for _, b in v) / n_val:.3f}")
    writer.close()
