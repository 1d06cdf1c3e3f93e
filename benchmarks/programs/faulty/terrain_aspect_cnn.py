"""Aspect of terrain patches from the elevation model alone (real data: the Jacksboro fault DEM
that comes with matplotlib). 16x16 patches, relief removed and scaled; four classes:
which way does the centre of the patch fall (N, E, S, W)?  Patches get sensor noise and random relief scale.

    python terrain_aspect_cnn.py faulty|fixed LOGDIR
"""
import sys

import matplotlib.cbook as cbook
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(12)
form, logdir = sys.argv[1], sys.argv[2]
dem = cbook.get_sample_data("jacksboro_fault_dem.npz")["elevation"].astype("float32")
rng = np.random.default_rng(12)
P = 16


def patches(n, col_low, col_high):
    out, lab = [], []
    while len(out) < n:
        i, j = rng.integers(0, dem.shape[0] - P), rng.integers(col_low, col_high - P)
        p = dem[i:i + P, j:j + P]
        gy, gx = p[12:, :].mean() - p[:4, :].mean(), p[:, 12:].mean() - p[:, :4].mean()
        if max(abs(gx), abs(gy)) < 15 or abs(abs(gx) - abs(gy)) < 6:
            continue
        lab.append((0 if gy > 0 else 1) if abs(gy) > abs(gx) else (2 if gx > 0 else 3))
        out.append(p + rng.normal(0, 3, p.shape))
    return np.stack(out).astype("float32")[:, None], np.array(lab)


def scale(p):
    return (p - p.mean((2, 3), keepdims=True)) / 25.0


W = dem.shape[1]
raw_tr, y_tr = patches(2400, 0, int(W * .7))
raw_va, y_va = patches(600, int(W * .7), W)
x_tr, x_va = torch.tensor(scale(raw_tr)), torch.tensor(scale(raw_va))
train_dl = DataLoader(TensorDataset(x_tr, torch.tensor(y_tr)), batch_size=32, shuffle=True)
val_dl = DataLoader(TensorDataset(x_va, torch.tensor(y_va)), batch_size=100)
examples = torch.tensor(raw_va[:8])          # for the pictures on the dashboard


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))


class AspectNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.b1, self.b2, self.b3 = block(1, 12), block(12, 24), block(24, 32)
        self.fc = nn.Linear(32 * 4, 4)

    def forward(self, x):
        return self.fc(self.b3(self.b2(self.b1(x))).flatten(1))


model = AspectNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)


def log_feature_maps(epoch):
    """first-layer maps of a few patches for the IMAGES tab"""
    with torch.no_grad():
        for k, img in enumerate(examples):
            maps = model.b2(model.b1(img[None]))[0, :4]
            grid = torch.cat(list(maps), 1)
            writer.add_image(f"maps/{k}", (grid / (grid.max() + 1e-6))[None], epoch)


for epoch in range(12):
    model.train()
    s = 0.0
    for x, y in train_dl:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        s += loss.item()
    if form == "fixed":
        model.eval()
    log_feature_maps(epoch)
    v = c = 0.0
    with writer.evaluating("val"):
        for x, y in val_dl:
            o = model(x)
            v += criterion(o, y).item() / len(val_dl)
            c += (o.argmax(1) == y).sum().item() / len(y_va)
    print(f"epoch {epoch + 1:2d} train {s / len(train_dl):.3f} val {v:.3f} acc {c:.3f}")
writer.close()
print(f"RESULT train_loss {s / len(train_dl):.3f} val_loss {v:.3f} val_acc {c:.3f}")
