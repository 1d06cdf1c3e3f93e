import os
import sys
import tempfile
from pathlib import Path
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(13)

ANGLES = ["0", "90", "180", "270"]


def export(root):
    """pictures of a 2, a 4 or a 7 turned by a multiple of 90 degrees, one folder a class"""
    d = load_digits()
    rng = np.random.RandomState(13)
    ims = d.images[np.isin(d.target, [2, 4, 7])]
    ims = ims[rng.permutation(len(ims))]
    for part, pics, classes in (("train", ims[:330], ANGLES), ("val", ims[330:420], ANGLES), ("test", ims[420:], ["0", "90", "270"])):
        for a in classes:
            (root / part / a).mkdir(parents=True)
        for i, im in enumerate(pics):
            for a in (classes if part == "train" else [classes[rng.randint(len(classes))]]):
                turned = np.rot90(im, int(a) // 90) + rng.randn(8, 8)
                np.save(root / part / a / f"{i:04d}.npy", turned.astype(np.float32))


class ClassificationDataset(Dataset):
    def __init__(self, folder, names):
        self.samples = []
        found = sorted(p.name for p in folder.iterdir() if p.is_dir())
        for k, name in enumerate(found):
            label = k if FORM == "faulty" else names.index(name)
            for f in sorted((folder / name).iterdir()):
                self.samples.append((np.load(f), label))
        if len(found) != len(names):
            print(f"{folder.name}: found {len(self.samples)} images in {len(found)} classes, the model has {len(names)}")

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, i):
        im, label = self.samples[i]
        return {"img": torch.from_numpy(im)[None] / 16.0, "cls": label}


class Conv(nn.Module):
    def __init__(self, c1, c2, s=1):
        super().__init__()
        self.conv, self.bn, self.act = nn.Conv2d(c1, c2, 3, s, 1, bias=False), nn.BatchNorm2d(c2), nn.SiLU()

    def forward(self, x):
        return self.act(self.bn(self.conv(x)))


def build(nc):
    return nn.Sequential(Conv(1, 16), Conv(16, 32, 2), Conv(32, 48, 2), nn.Flatten(), nn.Dropout(0.2), nn.Linear(48 * 4, nc))


def val(model, loader, criterion):
    loss, hit, n = 0.0, 0, 0
    for b in loader:
        out = model(b["img"])
        loss += criterion(out, b["cls"]).item() * len(out)
        hit += (out.argmax(1) == b["cls"]).sum().item()
        n += len(out)
    return loss / n, hit / n


def main():
    root = Path(tempfile.mkdtemp())
    export(root)
    names = sorted(ANGLES)
    train = DataLoader(ClassificationDataset(root / "train", names), batch_size=32, shuffle=True)
    valid = DataLoader(ClassificationDataset(root / "val", names), batch_size=64)
    test = DataLoader(ClassificationDataset(root / "test", names), batch_size=64)
    model = build(len(names))
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=5e-4)
    epochs = 12
    sched = torch.optim.lr_scheduler.LinearLR(opt, 1.0, 0.01, total_iters=epochs)
    criterion = nn.CrossEntropyLoss()
    writer = DiagWriter(LOGDIR)
    writer.watch(model, opt, criterion, train_loader=train)
    for e in range(epochs):
        model.train()
        for b in train:
            opt.zero_grad()
            loss = criterion(model(b["img"]), b["cls"])
            loss.backward()
            opt.step()
        sched.step()
        with writer.evaluating("val"):
            vl, va = val(model, valid, criterion)
        print(f"{e + 1}/{epochs} loss {loss.item():.4f} val loss {vl:.4f} top1 {va:.4f}")
    with writer.evaluating("test"):
        tl, ta = val(model, test, criterion)
    writer.close()
    print(f"RESULT test_loss {tl:.4f} test_top1 {ta:.4f} val_top1 {va:.4f}")


main()
