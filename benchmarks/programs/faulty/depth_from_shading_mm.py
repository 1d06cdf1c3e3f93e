"""Monocular depth on rendered mini scenes. Encoder/decoder with skips, L1 + gradient loss as in DenseDepth.
Ground truth is a 16 bit depth map in millimetres, as nyu_depth_v2 stores it."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(4)
np.random.seed(4)
FAULTY = sys.argv[1] == "faulty"
S = 24


def scene():
    gy, gx = np.mgrid[0:S, 0:S] / (S - 1.0)
    far = np.random.uniform(3000, 6000)
    depth = far * (1.0 - np.random.uniform(0.3, 0.6) * np.clip(gy - 0.5, 0, None) * 2)     # wall and floor
    albedo = np.full((S, S), np.random.uniform(0.6, 0.9))
    for _ in range(np.random.randint(2, 5)):
        cx, cy, r = np.random.uniform(0.1, 0.9), np.random.uniform(0.3, 0.9), np.random.uniform(0.08, 0.22)
        d = np.random.uniform(900, 2800) if r > 0.14 else np.random.uniform(1800, 3600)
        m = (np.abs(gx - cx) < r) & (np.abs(gy - cy) < r * 1.3) & (depth > d)
        depth = np.where(m, d, depth)
        albedo = np.where(m, np.random.uniform(0.5, 1.0), albedo)
    img = albedo * np.exp(-depth / 4000.0) * 1.6                       # haze / flash fall-off
    img = np.stack([img, img * 0.9 + 0.05, 0.3 * np.exp(-depth / 6000.0) + 0.5 * img])
    return (img + 0.02 * np.random.randn(3, S, S)).astype("float32"), depth.astype("uint16")


class NYULike(Dataset):
    def __init__(self, n):
        self.items = [scene() for _ in range(n)]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        image, depth = self.items[i]
        depth = torch.from_numpy(depth.astype("float32"))[None]
        if not FAULTY:
            depth = depth / 1000.0          # mm -> m
        return {"image": (torch.from_numpy(image) - 0.45) / 0.25, "depth": depth}


class UNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        blk = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())
        self.e1, self.e2, self.e3 = blk(3, c), blk(c, 2 * c), blk(2 * c, 2 * c)
        self.d2, self.d1 = blk(4 * c, c), blk(2 * c, c)
        self.out = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        a = self.e1(x)
        b = self.e2(F.max_pool2d(a, 2))
        m = self.e3(F.max_pool2d(b, 2))
        u = self.d2(torch.cat([F.interpolate(m, scale_factor=2), b], 1))
        u = self.d1(torch.cat([F.interpolate(u, scale_factor=2), a], 1))
        return self.out(u)


def compute_errors(gt, pred):
    thresh = torch.max(gt / pred.clamp(min=1e-3), pred.clamp(min=1e-3) / gt)
    return ((gt - pred).abs() / gt).mean().item(), (thresh < 1.25).float().mean().item()


train_loader = DataLoader(NYULike(720), batch_size=16, shuffle=True)
val_loader = DataLoader(NYULike(120), batch_size=40)
model = UNet()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
l1 = nn.L1Loss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, l1)
for epoch in range(12):
    if epoch == 9:
        optimizer.param_groups[0]["lr"] *= 0.2
    model.train()
    run = 0.
    for batch in train_loader:
        optimizer.zero_grad()
        loss = l1(model(batch["image"]), batch["depth"])
        loss.backward()
        optimizer.step()
        run += loss.item() / len(train_loader)
    model.eval()
    vloss, rel, d1 = 0., 0., 0.
    with torch.no_grad(), writer.evaluating("val"):
        for batch in val_loader:
            pred = model(batch["image"])
            vloss += l1(pred, batch["depth"]).item() / len(val_loader)
            e = compute_errors(batch["depth"], pred)
            rel += e[0] / len(val_loader); d1 += e[1] / len(val_loader)
    print(f"Epoch: {epoch:2d} train {run:.4f} val {vloss:.4f} abs_rel {rel:.3f} d1 {d1:.3f}")
writer.close()
print(f"RESULT train={run:.4f} val={vloss:.4f} abs_rel={rel:.3f} delta1={d1:.3f}")
