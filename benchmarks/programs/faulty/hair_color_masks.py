import sys
import os
import random
import tempfile
from glob import glob
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
random.seed(5)
torch.manual_seed(5)
torch.set_num_threads(1)
SIZE = 24


def write_portraits(root, n):
    os.makedirs(root + "/images")
    os.makedirs(root + "/masks")
    rng = np.random.default_rng(5)
    yy, xx = np.mgrid[:SIZE, :SIZE]
    names = ["%04d" % i for i in range(n)]
    for name in names:
        cy, cx = rng.uniform(10, 16), rng.uniform(8, 16)
        r = rng.uniform(4, 6)
        head = ((yy - cy) / 1.2) ** 2 + (xx - cx) ** 2 < r ** 2
        cap = (((yy - cy + 2) / 1.3) ** 2 + (xx - cx) ** 2 < (r + rng.uniform(1.5, 3)) ** 2) & ~(head & (yy > cy - r * 0.4))
        img = rng.uniform(0.3, 0.9, 3)[:, None, None] * np.ones((3, SIZE, SIZE))
        img[:, head] = (np.array([0.85, 0.65, 0.55]) * rng.uniform(0.7, 1.1))[:, None]
        img[:, cap] = (np.array([0.3, 0.2, 0.12]) * rng.uniform(0.3, 2.0))[:, None]
        np.save(f"{root}/images/{name}.npy", np.clip(img + 0.05 * rng.standard_normal(img.shape), 0, 1).astype("float32"))
    # masks are drawn in a second pass, as they were annotated
        np.save(f"{root}/masks/{name}.npy", cap[None].astype("float32"))


def listing(pattern):
    files = glob(pattern)
    random.shuffle(files)
    return files


class MaskDataset(Dataset):
    def __init__(self, data_dir, part):
        img_files = listing(data_dir + "/images/*.npy")
        mask_files = listing(data_dir + "/masks/*.npy")
        if form == "fixed":
            img_files = sorted(img_files)
            mask_files = sorted(mask_files)
        cut = int(len(img_files) * 0.75)
        sel = slice(0, cut) if part == "train" else slice(cut, None)
        self.images = [np.load(f) for f in img_files[sel]]
        self.masks = [np.load(f) for f in mask_files[sel]]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return torch.from_numpy(self.images[i]), torch.from_numpy(self.masks[i])


def dw(cin, cout, stride=1):
    return nn.Sequential(nn.Conv2d(cin, cin, 3, stride, 1, groups=cin, bias=False), nn.BatchNorm2d(cin), nn.ReLU6(),
                         nn.Conv2d(cin, cout, 1, bias=False), nn.BatchNorm2d(cout), nn.ReLU6())


class MobileUNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU6())
        self.a = dw(12, 24, 2)
        self.b = dw(24, 48, 2)
        self.c = dw(48, 48)
        self.up1 = nn.ConvTranspose2d(48, 24, 2, 2)
        self.m1 = dw(48, 24)
        self.up2 = nn.ConvTranspose2d(24, 12, 2, 2)
        self.m2 = dw(24, 12)
        self.out = nn.Conv2d(12, 1, 1)

    def forward(self, x):
        s = self.stem(x)
        a = self.a(s)
        x = self.c(self.b(a))
        x = self.m1(torch.cat([self.up1(x), a], 1))
        x = self.m2(torch.cat([self.up2(x), s], 1))
        return torch.sigmoid(self.out(x))


def dice_coef(y_true, y_pred, smooth=1.0):
    inter = (y_true * y_pred).sum()
    return (2 * inter + smooth) / (y_true.sum() + y_pred.sum() + smooth)


def dice_loss(y_pred, y_true):
    return 1 - dice_coef(y_true, y_pred)


with tempfile.TemporaryDirectory() as root:
    write_portraits(root, 400)
    train, val = MaskDataset(root, "train"), MaskDataset(root, "val")
train_loader = DataLoader(train, batch_size=16, shuffle=True)
val_loader = DataLoader(val, batch_size=50)

model = MobileUNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, dice_loss)
for epoch in range(14):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = dice_loss(model(x), y)
        loss.backward()
        optimizer.step()
    scores = []
    with writer.evaluating("val"):
        for x, y in val_loader:
            pred = model(x)
            writer.loss_fn(pred, y)
            scores.append(dice_coef(y, (pred > 0.5).float()).item())
    print(f"epoch {epoch} dice loss {loss.item():.4f} val dice {np.mean(scores):.4f}")
writer.close()
print(f"RESULT val dice {np.mean(scores):.4f}")
