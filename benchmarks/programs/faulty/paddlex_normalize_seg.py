import sys
import random
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
SEED = 1024
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)


def draw_optic_disc(rng, size=24):
    """a fundus-like picture with a bright disc, and its mask"""
    yy, xx = np.mgrid[:size, :size]
    im = np.stack([120 + 30 * np.sin(xx / 9 + rng.rand() * 6), 70 + 20 * np.cos(yy / 7 + rng.rand() * 6),
                   40 + 10 * np.sin((xx + yy) / 11)], -1)
    for _ in range(3):
        a, b = rng.rand() * 6.28, rng.rand() * size
        line = np.abs(np.cos(a) * xx + np.sin(a) * yy - b) < 0.8
        im[line] *= 0.6
    cy, cx, r = rng.uniform(5, size - 5), rng.uniform(5, size - 5), rng.uniform(3, 5)
    mask = ((yy - cy) ** 2 + (xx - cx) ** 2) < r ** 2
    im[mask] += np.array([50, 45, 25]) * rng.uniform(0.6, 1.2)
    im += rng.randn(size, size, 3) * 10
    return im.clip(0, 255).astype(np.float32), mask.astype(np.int64)


class Compose:
    def __init__(self, ts):
        self.ts = ts

    def __call__(self, sample):
        for t in self.ts:
            sample = t(sample)
        return sample


class RandomHorizontalFlip:
    def __call__(self, s):
        if random.random() < 0.5:
            s["image"] = s["image"][:, ::-1]
            s["mask"] = s["mask"][:, ::-1]
        return s


class Normalize:
    def __init__(self, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), scale=255.0):
        self.mean, self.std, self.scale = np.float32(mean), np.float32(std), scale

    def __call__(self, s):
        im = s["image"].astype(np.float32)
        s["image"] = (im / self.scale - self.mean) / self.std
        return s


class SegDataset(Dataset):
    def __init__(self, n, seed, transforms):
        rng = np.random.RandomState(seed)
        self.file_list = []
        for _ in range(n):
            im, mask = draw_optic_disc(rng)
            self.file_list.append({"image": im, "mask": mask})
        self.transforms = transforms

    def __len__(self):
        return len(self.file_list)

    def __getitem__(self, idx):
        if FORM == "faulty":
            sample = self.file_list[idx]
        else:
            sample = dict(self.file_list[idx])
        sample = self.transforms(sample)
        return (torch.from_numpy(np.ascontiguousarray(sample["image"].transpose(2, 0, 1))),
                torch.from_numpy(np.ascontiguousarray(sample["mask"])))


class MiniUNet(nn.Module):
    def __init__(self, c=12):
        super().__init__()
        blk = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())
        self.d1, self.d2 = blk(3, c), blk(c, 2 * c)
        self.u1 = blk(3 * c, c)
        self.pool, self.up = nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.head = nn.Conv2d(c, 2, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(self.pool(a))
        return self.head(self.u1(torch.cat([a, self.up(b)], 1)))


def miou(net, loader):
    inter = union = 0
    with torch.no_grad():
        for x, y in loader:
            p = net(x).argmax(1)
            inter += ((p == 1) & (y == 1)).sum().item()
            union += ((p == 1) | (y == 1)).sum().item()
    return inter / max(1, union)


def main(logdir):
    train_tf = Compose([RandomHorizontalFlip(), Normalize()])
    eval_tf = Compose([Normalize()])
    train = DataLoader(SegDataset(320, 1, train_tf), batch_size=16, shuffle=True, drop_last=True)
    val_ds = SegDataset(80, 2, eval_tf)
    fixed_val = [val_ds[i] for i in range(len(val_ds))]
    test_ds = SegDataset(160, 3, eval_tf)
    val = DataLoader(fixed_val, batch_size=40)
    test = DataLoader(test_ds, batch_size=40)
    net = MiniUNet()
    ce = nn.CrossEntropyLoss()
    opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=4e-5)
    epochs = 20
    sched = torch.optim.lr_scheduler.PolynomialLR(opt, epochs * len(train), power=0.9)
    writer = DiagWriter(logdir)
    writer.watch(net, opt, ce, train_loader=train)
    for e in range(epochs):
        net.train()
        for x, y in train:
            loss = ce(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            sched.step()
        with writer.evaluating("val"):
            for x, y in val:
                ce(net(x), y)
        net.eval()
        if e % 4 == 3:
            print("[TRAIN] epoch %d loss %.4f [EVAL] disc IoU %.4f" % (e + 1, loss.item(), miou(net, val)))
    net.eval()
    v = miou(net, test)
    writer.close()
    print("RESULT test_disc_IoU %.4f val_disc_IoU %.4f" % (v, miou(net, val)))


FORM = sys.argv[1]
main(sys.argv[2])
