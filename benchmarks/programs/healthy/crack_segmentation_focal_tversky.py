# Thin cracks on concrete (about 2 % of the pixels): small U-Net, focal Tversky + BCE (Abraham & Khan / segmentation_models.pytorch), flips, polynomial decay, clip
import sys, numpy as np, torch
import torch.nn as nn, torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(4)

def tile(rng, S=32):
    yy, xx = np.mgrid[:S, :S]
    img = .55 + .08 * rng.normal() + .06 * np.sin(xx * rng.uniform(.05, .3) + rng.uniform(0, 6)) + .05 * rng.normal(size=(S, S))
    mask = np.zeros((S, S), "float32")
    if rng.random() < .9:
        x, y, a = rng.uniform(4, S - 4), rng.uniform(4, S - 4), rng.uniform(0, 2 * np.pi)
        for _ in range(rng.integers(14, 34)):
            if 0 <= int(y) < S and 0 <= int(x) < S: mask[int(y), int(x)] = 1
            a += rng.normal(0, .25); x += np.cos(a); y += np.sin(a)
    for _ in range(rng.integers(0, 6)):                         # pores and stains: dark, but not cracks
        cx, cy, r = rng.uniform(0, S), rng.uniform(0, S), rng.uniform(.8, 2.2)
        img[(xx - cx) ** 2 + (yy - cy) ** 2 < r * r] -= rng.uniform(.1, .25)
    img = img - mask * rng.uniform(.16, .3)
    return ((img - .55) / .12).astype("float32"), mask

class Cracks(Dataset):
    def __init__(self, n, seed, aug):
        r = np.random.default_rng(seed); self.d = [tile(r) for _ in range(n)]; self.aug = aug
    def __len__(self): return len(self.d)
    def __getitem__(self, i):
        x, m = (torch.from_numpy(a)[None] for a in self.d[i])
        if self.aug:
            if torch.rand(()) < .5: x, m = x.flip(-1), m.flip(-1)
            k = int(torch.randint(4, ())); x, m = x.rot90(k, (-2, -1)), m.rot90(k, (-2, -1))
            x = x * (1 + .1 * torch.randn(())) + .1 * torch.randn(())
        return x, m

def double_conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True), nn.Conv2d(o, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True))

class UNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.e1, self.e2, self.e3 = double_conv(1, c), double_conv(c, 2 * c), double_conv(2 * c, 4 * c)
        self.u2, self.u1 = nn.ConvTranspose2d(4 * c, 2 * c, 2, 2), nn.ConvTranspose2d(2 * c, c, 2, 2)
        self.d2, self.d1, self.out = double_conv(4 * c, 2 * c), double_conv(2 * c, c), nn.Conv2d(c, 1, 1)
    def forward(self, x):
        a = self.e1(x); b = self.e2(F.max_pool2d(a, 2)); z = self.e3(F.max_pool2d(b, 2))
        y = self.d2(torch.cat([self.u2(z), b], 1)); return self.out(self.d1(torch.cat([self.u1(y), a], 1)))

class FocalTverskyBCE(nn.Module):
    def __init__(self, alpha=.3, beta=.7, gamma=.75):
        super().__init__(); self.alpha, self.beta, self.gamma = alpha, beta, gamma
    def forward(self, logits, target):
        p = torch.sigmoid(logits).flatten(); t = target.flatten()
        tp, fp, fn = (p * t).sum(), (p * (1 - t)).sum(), ((1 - p) * t).sum()
        return (1 - (tp + 1) / (tp + self.alpha * fp + self.beta * fn + 1)) ** self.gamma + .5 * F.binary_cross_entropy_with_logits(logits, target)

train_loader = DataLoader(Cracks(800, 1, True), batch_size=16, shuffle=True, drop_last=True)
val_loader = DataLoader(Cracks(200, 2, False), batch_size=50)
EPOCHS = 14
net, criterion = UNet(), FocalTverskyBCE()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3, weight_decay=1e-5)
poly = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=EPOCHS * len(train_loader), power=.9)
writer = DiagWriter(sys.argv[1]); writer.watch(net, optimizer, criterion)
print("share of crack pixels", np.mean([m.mean() for _, m in train_loader.dataset.d]))
for epoch in range(EPOCHS):
    net.train(); tot = 0
    for x, m in train_loader:
        loss = criterion(net(x), m)
        optimizer.zero_grad(); loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), .5)
        optimizer.step(); poly.step(); tot += loss.item() / len(train_loader)
    with writer.evaluating("val"):
        i = u = 0; vl = 0
        for x, m in val_loader:
            o = net(x); vl += criterion(o, m).item() / len(val_loader); p = o > 0
            i += (p & (m > 0)).sum().item(); u += (p.sum() + m.sum()).item()
    print(epoch, f"train {tot:.4f} val {vl:.4f} dice {2 * i / u:.4f}")
writer.close()
print(f"RESULT train {tot:.4f} val {vl:.4f} dice {2 * i / u:.4f}")
