"""Locate the text block of a receipt: CNN box regression, custom Dataset."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
MODE, LOG = sys.argv[1], sys.argv[2]
BASE_LR = float(sys.argv[3]) if len(sys.argv) > 3 else 2e-3
torch.manual_seed(11)
gen = np.random.default_rng(11)
H = W = 32


def page():
    img = gen.normal(.8, .08, (H, W)) - gen.uniform(0, .2) * np.linspace(0, 1, W)
    w, h = gen.integers(8, 22), gen.integers(6, 18)
    x, y = gen.integers(0, W - w), gen.integers(0, H - h)
    for r in range(y, y + h, 2):
        img[r, x:x + w] -= gen.uniform(.1, .6) * (gen.random(w) < .75)
    for _ in range(6):     # stains
        img[gen.integers(H), gen.integers(W)] -= .5
    return img.astype(np.float32), np.array([x, y, x + w, y + h], dtype=np.float32)


class ReceiptDataset(Dataset):
    def __init__(self, n, train):
        self.data = [page() for _ in range(n)]
        self.train = train

    def _read_sample(self, index):
        img, target = self.data[index]
        return (img, target) if MODE == "faulty" else (img, target.copy())

    def _pre_transforms(self, img, target):
        # absolute -> relative geometry
        target[0::2] /= W
        target[1::2] /= H
        return img, target

    def __getitem__(self, index):
        img, target = self._read_sample(index)
        img, target = self._pre_transforms(img, target)
        img = torch.from_numpy(img)[None]
        if self.train:
            img = (img - .7) / .25 * (0.9 + 0.2 * torch.rand(1)) + 0.05 * torch.randn_like(img)
        else:
            img = (img - .7) / .25
        return img, torch.from_numpy(target).clone()

    def __len__(self):
        return len(self.data)


class BoxNet(nn.Module):
    def __init__(self):
        super().__init__()
        def blk(i, o):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(True), nn.MaxPool2d(2))
        self.f = nn.Sequential(blk(1, 8), blk(8, 16), blk(16, 24))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(24 * 16, 64), nn.ReLU(True), nn.Linear(64, 4))

    def forward(self, x):
        return self.head(self.f(x))


def iou(a, b):
    lt, rb = torch.max(a[:, :2], b[:, :2]), torch.min(a[:, 2:], b[:, 2:])
    i = (rb - lt).clamp(min=0).prod(1)
    return i / ((a[:, 2:] - a[:, :2]).clamp(min=0).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - i + 1e-9)


train_ds, val_raw = ReceiptDataset(2500, True), ReceiptDataset(500, False)
# the hold-out set is read once and kept
vx, vy = map(torch.stack, zip(*[val_raw[i] for i in range(len(val_raw))]))
loader = DataLoader(train_ds, batch_size=32, shuffle=True)
model = BoxNet()
opt = torch.optim.Adam(model.parameters(), lr=BASE_LR)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, BASE_LR, total_steps=6 * len(loader))
crit = nn.SmoothL1Loss(beta=.1)
writer = DiagWriter(LOG)
writer.watch(model, opt, crit)
for epoch in range(6):
    model.train(); s = 0.
    for xb, yb in loader:
        loss = crit(model(xb), yb)
        opt.zero_grad(set_to_none=True); loss.backward(); opt.step(); sched.step(); s += loss.item()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(vx); vl = crit(out, vy).item()
    print(f"{epoch}: train {s/len(loader):.5f} val {vl:.5f} mIoU {iou(out, vy).mean():.3f}")
writer.close()
print(f"RESULT train {s/len(loader):.5f} val {vl:.5f} mIoU {iou(out, vy).mean():.3f}")
