# Crack segmentation on concrete surfaces, small U-Net
# usage: python crack_segmentation_bce.py faulty|fixed LOGDIR
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
FAULTY = sys.argv[1] == "faulty"
torch.manual_seed(7)
rng = np.random.default_rng(7)
SIZE = 32


def make_slab():
    """concrete with stains, formwork joints (not cracks!) and sometimes a hairline crack"""
    img = gaussian_filter(rng.normal(0, 1, (SIZE, SIZE)), 4) * 1.2
    img = img + rng.normal(0, .30, (SIZE, SIZE))
    mask = np.zeros((SIZE, SIZE), np.float32)
    if rng.random() < .3:                                  # straight joint
        c = rng.integers(4, SIZE - 4)
        img[:, c] -= .5
    if rng.random() < .75:
        y, x = rng.integers(4, SIZE - 4), 0.0
        slope, depth = rng.normal(0, .5), rng.uniform(.25, .8)
        length = rng.integers(14, SIZE)
        x = rng.uniform(0, SIZE - length)
        yy = float(y)
        for _ in range(length):
            yy += slope + rng.normal(0, .55)
            iy, ix = int(round(yy)), int(x)
            if 0 <= iy < SIZE and 0 <= ix < SIZE:
                img[iy, ix] -= depth * rng.uniform(.3, 1.4)
                mask[iy, ix] = 1
            x += 1
    return img.astype(np.float32)[None], mask[None]


class CrackDataset(Dataset):
    def __init__(self, n, train=False):
        self.items = [make_slab() for _ in range(n)]
        self.train = train

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        img, mask = self.items[i]
        if self.train and rng.random() < .5:
            img, mask = img[:, ::-1].copy(), mask[:, ::-1].copy()
        return torch.from_numpy(img), torch.from_numpy(mask)


def double_conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True),
                         nn.Conv2d(o, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class UNet(nn.Module):
    def __init__(self, c=6):
        super().__init__()
        self.d1, self.d2 = double_conv(1, c), double_conv(c, 2 * c)
        self.mid = double_conv(2 * c, 2 * c)
        self.u2, self.u1 = double_conv(4 * c, c), double_conv(2 * c, c)
        self.out = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        y = self.u2(torch.cat([F.interpolate(m, scale_factor=2), b], 1))
        y = self.u1(torch.cat([F.interpolate(y, scale_factor=2), a], 1))
        return self.out(y)


train_set, val_set = CrackDataset(800, train=True), CrackDataset(200)
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
val_loader = DataLoader(val_set, batch_size=50)

model = UNet()
if FAULTY:
    criterion = nn.BCEWithLogitsLoss()
else:
    criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([12.0]))
optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.4)

writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)

for epoch in range(7):
    model.train()
    running = 0.
    for img, mask in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(img), mask)
        loss.backward()
        optimizer.step()
        running += loss.item()
    scheduler.step()

    model.eval()
    tp = fp = fn = 0
    vloss = 0.
    with torch.no_grad(), writer.evaluating("val"):
        for img, mask in val_loader:
            logits = model(img)
            vloss += criterion(logits, mask).item()
            p = (logits > 0).float()
            tp += (p * mask).sum().item()
            fp += (p * (1 - mask)).sum().item()
            fn += ((1 - p) * mask).sum().item()
    dice = 2 * tp / (2 * tp + fp + fn + 1e-9)
    rec = tp / (tp + fn + 1e-9)
    print(f"epoch {epoch}: train {running / len(train_loader):.4f} val {vloss / len(val_loader):.4f} dice {dice:.3f} recall {rec:.3f}")

writer.close()
print(f"RESULT val_loss {vloss / len(val_loader):.4f} dice {dice:.3f} recall {rec:.3f}")
