"""visible -> thermal translation, small paired set, random crops (after pix2pix, L1 part only)"""
import random
import sys
import numpy as np
import torch
import torch.nn as nn
from scipy.ndimage import gaussian_filter
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
opt_mode, logdir = sys.argv[1:3]
lr = float(sys.argv[3]) if len(sys.argv) > 3 else 2e-3
random.seed(1); torch.manual_seed(1); rng = np.random.default_rng(1)
FULL, CROP = 32, 20


def scene():
    mat = gaussian_filter(rng.normal(size=(FULL, FULL)), 2.); mat /= mat.std()
    light = gaussian_filter(rng.normal(size=(FULL, FULL)), 6); light /= light.std()
    warm = np.tanh(2 * mat) * .6
    rgb = np.stack([mat * .5 + light * .4, mat * .2 - light * .1 + .4 * np.sin(2 * mat), light * .6])
    therm = gaussian_filter(warm, 1) * 1.5 + .1 * rng.normal(size=warm.shape)
    return (rgb + .1 * rng.normal(size=rgb.shape)).astype("float32"), therm[None].astype("float32")


class RandomCrop:
    def __init__(self, size):
        self.size = size

    def params(self, img):
        return random.randint(0, img.shape[1] - self.size), random.randint(0, img.shape[2] - self.size)

    def __call__(self, img, at=None):
        i, j = at if at is not None else self.params(img)
        return img[:, i:i + self.size, j:j + self.size]


class ABDataset(Dataset):
    def __init__(self, n):
        self.pairs = [scene() for _ in range(n)]
        self.transform_A, self.transform_B = RandomCrop(CROP), RandomCrop(CROP)

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, k):
        A, B = self.pairs[k]
        if opt_mode == "faulty":
            A, B = self.transform_A(A), self.transform_B(B)
        else:
            at = self.transform_A.params(A)
            A, B = self.transform_A(A, at), self.transform_B(B, at)
        return torch.from_numpy(A.copy()), torch.from_numpy(B.copy())


class Generator(nn.Module):
    def __init__(self, nf=16):
        super().__init__()
        self.inc = nn.Sequential(nn.Conv2d(3, nf, 3, padding=1), nn.InstanceNorm2d(nf, affine=True), nn.ReLU())
        self.mid = nn.Sequential(nn.Conv2d(nf, nf, 3, padding=1), nn.ReLU(), nn.Conv2d(nf, nf, 3, padding=1))
        self.out = nn.Conv2d(nf, 1, 3, padding=1)

    def forward(self, x):
        h = self.inc(x)
        return self.out(torch.relu(h + self.mid(h)))


train_loader = DataLoader(ABDataset(800), batch_size=16, shuffle=True)
val = [scene() for _ in range(80)]
c = slice(6, 6 + CROP)
vA = torch.from_numpy(np.stack([a[:, c, c] for a, _ in val])); vB = torch.from_numpy(np.stack([b[:, c, c] for _, b in val]))
G = Generator()
optimizer_G = torch.optim.Adam(G.parameters(), lr=lr, betas=(.5, .999))
criterionL1 = nn.L1Loss()
lam = torch.optim.lr_scheduler.LambdaLR(optimizer_G, lambda e: 1 - max(0, e - 5) / 6)
writer = DiagWriter(logdir)
writer.watch(G, optimizer_G, criterionL1)
for epoch in range(10):
    G.train(); tot = 0
    for real_A, real_B in train_loader:
        optimizer_G.zero_grad()
        loss_L1 = criterionL1(G(real_A), real_B)
        loss_L1.backward(); optimizer_G.step()
        tot += loss_L1.item() / len(train_loader)
    lam.step(); G.eval()
    with torch.no_grad(), writer.evaluating("val"):
        v = criterionL1(G(vA), vB).item()
    print(f"epoch {epoch} L1 {tot:.4f} val {v:.4f}")
writer.close()
print(f"RESULT train_L1 {tot:.4f} val_L1 {v:.4f} (predicting the mean {(vB - vB.mean()).abs().mean():.4f})")
