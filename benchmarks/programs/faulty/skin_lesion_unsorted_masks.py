"""Skin lesion segmentation (EGE-UNet's script: NPY_datasets, BCE + Dice, AdamW, cosine), images and masks listed from two folders."""
import sys
import zlib
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(42)
SIZE = 32
DISK = {}


def listdir(folder):
    """as os.listdir on ext4: the order of the directory's hash, not of the names"""
    return [f for f in sorted((p[len(folder):] for p in DISK if p.startswith(folder)), key=lambda f: zlib.crc32((folder + f).encode()))]


def write_split(split, n, seed):
    rs = np.random.RandomState(seed)
    yy, xx = np.mgrid[:SIZE, :SIZE]
    for k in range(n):
        cx, cy = rs.uniform(9, 23, 2)
        a, b, th = rs.uniform(4, 9), rs.uniform(3, 7), rs.uniform(0, np.pi)
        u, v = (xx - cx) * np.cos(th) + (yy - cy) * np.sin(th), -(xx - cx) * np.sin(th) + (yy - cy) * np.cos(th)
        ang = np.arctan2(v / b, u / a)
        r = np.sqrt((u / a) ** 2 + (v / b) ** 2) * (1 + 0.12 * np.sin(3 * ang + rs.uniform(0, 6)) + 0.06 * np.sin(7 * ang))
        mask = (r < 1).astype(np.float32)
        skin = np.array([0.85, 0.65, 0.55]) + rs.normal(0, 0.05, 3)
        les = skin * rs.uniform(0.45, 0.75)
        soft = 1 / (1 + np.exp((r - 1) * 8))
        img = skin[:, None, None] * (1 - soft) + les[:, None, None] * soft
        for _ in range(rs.randint(0, 4)):
            x0, s = rs.uniform(0, SIZE), rs.uniform(-1, 1)
            img = np.where(np.abs(xx - x0 - s * yy) < 0.6, img * 0.5, img)
        img = img * (1 - 0.15 * ((xx - 16) ** 2 + (yy - 16) ** 2) / 512) + rs.normal(0, 0.03, img.shape)
        DISK[f"{split}/images/ISIC_{k:07d}.jpg"] = img.astype(np.float32)
        DISK[f"{split}/masks/ISIC_{k:07d}_segmentation.png"] = mask[None]


class NPY_datasets(Dataset):
    def __init__(self, path_Data, train=True):
        sub = "train" if train else "val"
        images_list = listdir(path_Data + sub + "/images/")
        masks_list = listdir(path_Data + sub + "/masks/")
        if form == "fixed":
            images_list = sorted(images_list)
            masks_list = sorted(masks_list)
        self.data = []
        for i in range(len(images_list)):
            self.data.append([path_Data + sub + "/images/" + images_list[i], path_Data + sub + "/masks/" + masks_list[i]])
        self.train = train

    def __getitem__(self, indx):
        img_path, msk_path = self.data[indx]
        img, msk = (DISK[img_path] - 0.6) / 0.2, DISK[msk_path]
        if self.train:
            if torch.rand(1).item() < 0.5:
                img, msk = img[:, :, ::-1].copy(), msk[:, :, ::-1].copy()
            if torch.rand(1).item() < 0.5:
                img, msk = img[:, ::-1].copy(), msk[:, ::-1].copy()
        return torch.tensor(img), torch.tensor(msk)

    def __len__(self):
        return len(self.data)


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.GroupNorm(4, o), nn.GELU())


class UNet(nn.Module):
    def __init__(self, c=(8, 16, 24)):
        super().__init__()
        self.e1, self.e2, self.e3 = block(3, c[0]), block(c[0], c[1]), block(c[1], c[2])
        self.pool = nn.MaxPool2d(2)
        self.d2, self.d1 = block(c[2] + c[1], c[1]), block(c[1] + c[0], c[0])
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.final = nn.Conv2d(c[0], 1, 1)

    def forward(self, x):
        a = self.e1(x); b = self.e2(self.pool(a)); d = self.e3(self.pool(b))
        d = self.d2(torch.cat([self.up(d), b], 1))
        d = self.d1(torch.cat([self.up(d), a], 1))
        return torch.sigmoid(self.final(d))


class BceDiceLoss(nn.Module):
    def __init__(self):
        super().__init__()
        self.bce = nn.BCELoss()

    def forward(self, pred, target):
        n = pred.size(0)
        p, t = pred.view(n, -1), target.view(n, -1)
        dice = 1 - ((2 * (p * t).sum(1) + 1) / (p.sum(1) + t.sum(1) + 1)).mean()
        return self.bce(p, t) + dice


write_split("train", 320, 1); write_split("val", 80, 2)
train_loader = DataLoader(NPY_datasets("", train=True), batch_size=8, shuffle=True)
val_loader = DataLoader(NPY_datasets("", train=False), batch_size=8)
model = UNet()
criterion = BceDiceLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=6e-3, weight_decay=1e-2)
EPOCHS = 14
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS, eta_min=1e-5)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
for epoch in range(EPOCHS):
    model.train()
    losses = []
    for images, targets in train_loader:
        optimizer.zero_grad()
        out = model(images)
        loss = criterion(out, targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    vl, inter, tot = [], 0.0, 0.0
    with writer.evaluating("val"):
        for images, targets in val_loader:
            out = model(images)
            vl.append(criterion(out, targets).item())
            p = (out > 0.5).float()
            inter += (p * targets).sum().item(); tot += (p.sum() + targets.sum()).item()
    print(f"epoch {epoch} train {np.mean(losses):.4f} val {np.mean(vl):.4f} dice {2 * inter / tot:.3f}")
writer.close()
