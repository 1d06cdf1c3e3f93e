# Train a small polyp segmentation network (UACANet-like train.py, shrunk to 32x32 synthetic colonoscopy frames)
import argparse
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.utils.data as data

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
FAULTY = sys.argv[1] == "faulty"


class PolypDataset(data.Dataset):
    """Pinkish mucosa with folds, specular spots and one blob-like polyp of slightly different hue."""

    def __init__(self, n, seed, size=32):
        rng = np.random.RandomState(seed)
        yy, xx = np.mgrid[0:size, 0:size] / size
        self.images, self.masks = [], []
        for _ in range(n):
            base = np.array([0.75, 0.42, 0.38]) + rng.normal(0, 0.05, 3)
            img = np.ones((size, size, 3)) * base
            for _ in range(3):  # folds
                a, f, p = rng.uniform(0, np.pi), rng.uniform(3, 9), rng.uniform(0, 6)
                img += 0.06 * np.sin(f * (xx * np.cos(a) + yy * np.sin(a)) * 2 + p)[..., None]
            cx, cy = rng.uniform(0.25, 0.75, 2)
            rx, ry = rng.uniform(0.10, 0.25, 2)
            th = rng.uniform(0, np.pi)
            u = (xx - cx) * np.cos(th) + (yy - cy) * np.sin(th)
            v = -(xx - cx) * np.sin(th) + (yy - cy) * np.cos(th)
            r = np.sqrt((u / rx) ** 2 + (v / ry) ** 2)
            mask = (r < 1).astype(np.float32)
            shade = np.clip(1.2 - r, 0, 1)[..., None]
            img += shade * (np.array([0.10, -0.07, -0.02]) * rng.uniform(0.6, 1.5) + rng.normal(0, .02, 3))
            for _ in range(rng.randint(0, 4)):  # specular highlights
                sx, sy = rng.randint(0, size, 2)
                img[sy:sy + 2, sx:sx + 2] = 0.95
            img += rng.normal(0, 0.05, img.shape)
            self.images.append(((img.transpose(2, 0, 1) - 0.5) / 0.25).astype(np.float32))
            self.masks.append(mask[None])

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return {"image": torch.from_numpy(self.images[i]), "gt": torch.from_numpy(self.masks[i])}


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class MiniPolypNet(nn.Module):
    def __init__(self, c=12):
        super().__init__()
        self.e1, self.e2, self.e3 = block(3, c), block(c, 2 * c), block(2 * c, 2 * c)
        self.d2, self.d1 = block(4 * c, c), block(2 * c, c)
        self.out = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        a = self.e1(x)
        b = self.e2(F.max_pool2d(a, 2))
        c = self.e3(F.max_pool2d(b, 2))
        d = self.d2(torch.cat([F.interpolate(c, scale_factor=2), b], 1))
        d = self.d1(torch.cat([F.interpolate(d, scale_factor=2), a], 1))
        return self.out(d)


def bce_iou_loss(pred, mask):
    bce = F.binary_cross_entropy_with_logits(pred, mask)
    p = torch.sigmoid(pred)
    inter = (p * mask).sum((2, 3))
    union = (p + mask).sum((2, 3)) - inter
    return bce + (1 - (inter + 1) / (union + 1)).mean()


def train(opt):
    torch.manual_seed(7)
    train_loader = data.DataLoader(PolypDataset(500, 1), batch_size=opt.batchsize, shuffle=True, drop_last=True)
    val_loader = data.DataLoader(PolypDataset(150, 2), batch_size=50)
    model = MiniPolypNet()
    optimizer = torch.optim.Adam(model.parameters(), opt.lr)
    writer = DiagWriter(opt.log)
    writer.watch(model, optimizer, bce_iou_loss)
    total_step = len(train_loader)
    for epoch in range(1, opt.epoch + 1):
        model.train()
        for i, sample in enumerate(train_loader, start=1):
            optimizer.zero_grad()
            out = model(sample["image"])
            loss = writer.loss_fn(out, sample["gt"])
            loss.backward()
            optimizer.step()
            if i % 10 == 0 or i == total_step:
                print(f"Epoch [{epoch:03d}/{opt.epoch}], Step [{i:03d}/{total_step}], loss {loss.item():.4f}")
            if FAULTY:
                break
        model.eval()
        inter = union = 0.
        with torch.no_grad(), writer.evaluating("val"):
            tot = 0.
            for sample in val_loader:
                out = model(sample["image"])
                tot += writer.loss_fn(out, sample["gt"]).item()
                p = (out > 0).float()
                inter += (p * sample["gt"]).sum().item()
                union += ((p + sample["gt"]) > 0).float().sum().item()
        print(f"epoch {epoch} val loss {tot / len(val_loader):.4f} IoU {inter / union:.3f}")
    writer.close()
    print(f"RESULT val_loss={tot / len(val_loader):.4f} val_iou={inter / union:.3f}")


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("form")
    p.add_argument("log")
    p.add_argument("--epoch", type=int, default=10)
    p.add_argument("--lr", type=float, default=2e-3)
    p.add_argument("--batchsize", type=int, default=10)
    train(p.parse_args())
