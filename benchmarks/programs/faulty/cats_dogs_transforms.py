import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

MODE, LOG = sys.argv[1:3]
torch.manual_seed(5); torch.set_num_threads(1)


def animal(kind, rs):
    """little faces: pointed ears (cat) or hanging ears (dog), in some place of a cluttered picture"""
    im = rs.uniform(.2, .8, 3)[:, None, None] + .06 * rs.randn(3, 32, 32)
    yy, xx = np.mgrid[:32, :32]
    for _ in range(3):
        c = rs.uniform(0, 32, 2)
        im = im + rs.uniform(-.15, .15, 3)[:, None, None] * np.exp(-((yy - c[0]) ** 2 + (xx - c[1]) ** 2) / 30.)
    cy, cx, r = rs.uniform(14, 20), rs.uniform(12, 20), rs.uniform(5.5, 7)
    fur = rs.uniform(.15, .9, 3)[:, None, None]
    head = ((yy - cy) ** 2 + (xx - cx) ** 2) < r * r
    m = head.copy()
    for s in (-1, 1):
        if kind == 0:
            m |= (yy < cy - r * .4) & (yy > cy - r * 1.7) & (np.abs(xx - cx - s * r * .65) < (yy - (cy - r * 1.7)) * .45)
        else:
            m |= ((yy - cy - r * .1) / (r * .95)) ** 2 + ((xx - cx - s * r * 1.02) / (r * .35)) ** 2 < 1
    im = np.where(m, fur + .05 * rs.randn(3, 32, 32), im)
    return np.clip(im, 0, 1).astype("float32")


class RandomVerticalFlip:
    def __call__(self, t): return t.flip(1) if torch.rand(()) < .5 else t


class RandomCrop:
    def __init__(self, size): self.s = size
    def __call__(self, t):
        i, j = torch.randint(0, t.shape[1] - self.s + 1, (2,)).tolist()
        return t[:, i:i + self.s, j:j + self.s]


class ColorJitter:
    def __init__(self, b, c, h): self.b, self.c, self.h = b, c, h
    def __call__(self, t):
        u = lambda k: float(torch.empty(()).uniform_(1 - k, 1 + k))
        t = t * u(self.b)
        t = (t - t.mean()) * u(self.c) + t.mean()
        if self.h:
            t = t[torch.randperm(3)] + torch.empty(3, 1, 1).uniform_(-self.h / 2, self.h / 2)
        return t.clamp(0, 1)


class RandomHorizontalFlip:
    def __call__(self, t): return t.flip(2) if torch.rand(()) < .5 else t


if MODE == "faulty":
    tfs = [RandomVerticalFlip(), RandomCrop(12), ColorJitter(.5, .5, .5)]
else:
    tfs = [RandomHorizontalFlip()]


class CatsDogs(Dataset):
    def __init__(self, n, seed, transform):
        rs = np.random.RandomState(seed)
        self.y = rs.randint(0, 2, n)
        self.x = [torch.from_numpy(animal(k, rs)) for k in self.y]
        self.transform = transform
    def __len__(self): return len(self.y)
    def __getitem__(self, i):
        t = self.x[i]
        for f in self.transform:
            t = f(t)
        return (t - .5) / .5, int(self.y[i])


class Res(nn.Module):
    def __init__(self, i, o, s):
        super().__init__()
        self.c1 = nn.Conv2d(i, o, 3, s, 1, bias=False); self.b1 = nn.BatchNorm2d(o)
        self.c2 = nn.Conv2d(o, o, 3, 1, 1, bias=False); self.b2 = nn.BatchNorm2d(o)
        self.sc = nn.Conv2d(i, o, 1, s, bias=False)
    def forward(self, x):
        h = F.relu(self.b1(self.c1(x)))
        return F.relu(self.b2(self.c2(h)) + self.sc(x))


resnet = nn.Sequential(nn.Conv2d(3, 8, 3, 1, 1), nn.ReLU(), Res(8, 16, 2), Res(16, 24, 2), Res(24, 32, 2),
                       nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(resnet.parameters(), lr=1e-3, weight_decay=1e-3)
ce = nn.CrossEntropyLoss()
train_dl = DataLoader(CatsDogs(2000, 0, tfs), batch_size=32, shuffle=True)
test_dl = DataLoader(CatsDogs(500, 99, tfs), batch_size=100)
writer = DiagWriter(LOG)
writer.watch(resnet, optimizer, ce)
step = 0
for epoch in range(10):
    if epoch == 7:
        optimizer.param_groups[0]["lr"] = 2e-4
    resnet.train()
    s = c = 0
    for img, lab in train_dl:
        loss = ce(out := resnet(img), lab)
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        s += loss.item() * len(lab); c += (out.argmax(1) == lab).sum().item()
    with writer.evaluating("val"):
        ts = tc = 0
        for img, lab in test_dl:
            out = resnet(img); ts += ce(out, lab).item() * len(lab); tc += (out.argmax(1) == lab).sum().item()
    print(f"{epoch} loss {s/2000:.4f} acc {c/2000:.3f} | val {ts/500:.4f} {tc/500:.3f}")
writer.close()
