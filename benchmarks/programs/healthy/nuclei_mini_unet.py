"""Nuclei segmentation, a two level U-Net on grey microscope-like tiles."""
import sys

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from torch import nn
from torch.utils.data import DataLoader, Dataset

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
SIZE = 40


def draw_tile(rng):
    yy, xx = np.mgrid[:SIZE, :SIZE]
    img = gaussian_filter(rng.normal(0, 1, (SIZE, SIZE)), 8) * 0.8 + 0.25
    mask = np.zeros((SIZE, SIZE), bool)
    for _ in range(rng.integers(3, 9)):
        cy, cx = rng.uniform(0, SIZE, 2)
        a, b = rng.uniform(3, 6.5, 2)
        t = rng.uniform(0, np.pi)
        u = (xx - cx) * np.cos(t) + (yy - cy) * np.sin(t)
        v = -(xx - cx) * np.sin(t) + (yy - cy) * np.cos(t)
        inside = (u / a) ** 2 + (v / b) ** 2 < 1
        img = img + inside * ~mask * rng.uniform(0.25, 0.7)
        mask |= inside
    img = gaussian_filter(img, 0.8) + rng.normal(0, 0.09, (SIZE, SIZE))
    return img.astype("float32"), mask.astype("float32")


class Nuclei(Dataset):
    def __init__(self, n, seed, train):
        rng = np.random.default_rng(seed)
        self.items = [draw_tile(rng) for _ in range(n)]
        self.train = train

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        img, mask = self.items[i]
        img = (img - img.mean()) / (img.std() + 1e-6)
        if self.train:
            k = int(torch.randint(4, (1,)))
            img, mask = np.rot90(img, k), np.rot90(mask, k)
            if torch.rand(1) < 0.5:
                img, mask = img[:, ::-1], mask[:, ::-1]
        return torch.from_numpy(img.copy())[None], torch.from_numpy(mask.copy())[None]


def double_conv(i, o):
    return nn.Sequential(
        nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True),
        nn.Conv2d(o, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class UNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.d1, self.d2, self.mid = double_conv(1, c), double_conv(c, 2 * c), double_conv(2 * c, 4 * c)
        self.up2, self.up1 = nn.ConvTranspose2d(4 * c, 2 * c, 2, 2), nn.ConvTranspose2d(2 * c, c, 2, 2)
        self.u2, self.u1 = double_conv(4 * c, 2 * c), double_conv(2 * c, c)
        self.out = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        b = self.u2(torch.cat([self.up2(m), b], 1))
        a = self.u1(torch.cat([self.up1(b), a], 1))
        return self.out(a)


def main():
    train_dl = DataLoader(Nuclei(400, 1, True), batch_size=8, shuffle=True)
    valid_dl = DataLoader(Nuclei(100, 2, False), batch_size=50)
    model = UNet()
    opt = torch.optim.Adam(model.parameters(), lr=1e-2)
    loss_fn = nn.BCEWithLogitsLoss()
    epochs = 12
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs * len(train_dl))
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, opt, loss_fn)
    for ep in range(epochs):
        model.train()
        run = []
        for img, mask in train_dl:
            loss = loss_fn(model(img), mask)
            opt.zero_grad()
            loss.backward()
            opt.step()
            sched.step()
            run.append(loss.item())
        model.eval()
        vl, inter, union = [], 0, 0
        with torch.no_grad(), writer.evaluating("val"):
            for img, mask in valid_dl:
                logits = model(img)
                vl.append(loss_fn(logits, mask).item())
                p = logits > 0
                inter += (p & (mask > 0)).sum().item()
                union += (p | (mask > 0)).sum().item()
        print(f"[{ep + 1}/{epochs}] train {np.mean(run):.4f}  val {np.mean(vl):.4f}  IoU {inter / union:.3f}")
    writer.close()
    print(f"RESULT train {np.mean(run):.4f} val {np.mean(vl):.4f} iou {inter / union:.4f}")


if __name__ == "__main__":
    main()
