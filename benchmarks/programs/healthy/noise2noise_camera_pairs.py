"""Noise2Noise (Lehtinen et al. 2018): input and target are two noisy exposures of the same scene (small crops of the photo
china.jpg), the net never sees a clean picture.  The loss cannot fall below the variance of the target's noise (0.01)."""
import os
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_sample_image
from torch.utils.data import DataLoader, Dataset

from tb_lossdiag import DiagWriter

SIGMA = 0.1


class NoisyPairs(Dataset):
    def __init__(self, image, n, seed, fixed=False):
        r = np.random.default_rng(seed)
        H, W = image.shape[1:]
        self.pos = [(r.integers(H - 24), r.integers(W - 24)) for _ in range(n)]
        self.image, self.rng = image, r
        self.fixed = [self._pair(k) for k in range(n)] if fixed else None
        self.n = n

    def _pair(self, k):
        i, j = self.pos[k]
        c = self.image[:, i:i + 24, j:j + 24]
        nz = lambda: torch.tensor(c + self.rng.normal(0, SIGMA, c.shape), dtype=torch.float32)
        return nz(), nz(), torch.tensor(c, dtype=torch.float32)

    def __len__(self):
        return self.n

    def __getitem__(self, k):
        return self.fixed[k] if self.fixed else self._pair(k)


class SmallUNet(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.d1 = nn.Conv2d(3, c, 3, padding=1)
        self.d2 = nn.Conv2d(c, 2 * c, 3, padding=1)
        self.mid = nn.Conv2d(2 * c, 2 * c, 3, padding=1)
        self.up = nn.Conv2d(3 * c, c, 3, padding=1)
        self.out = nn.Conv2d(c + 3, 3, 3, padding=1)

    def forward(self, x):
        a = F.leaky_relu(self.d1(x), 0.1)
        b = F.leaky_relu(self.d2(F.max_pool2d(a, 2)), 0.1)
        b = F.leaky_relu(self.mid(b), 0.1)
        u = F.interpolate(b, scale_factor=2, mode="nearest")
        u = F.leaky_relu(self.up(torch.cat([u, a], 1)), 0.1)
        return self.out(torch.cat([u, x], 1))


class Noise2Noise:
    def __init__(self, logdir, lr=3e-3, epochs=10):
        img = np.transpose(load_sample_image("china.jpg") / 255.0, (2, 0, 1))
        self.train_loader = DataLoader(NoisyPairs(img[:, :, :440], 640, 0), batch_size=16, shuffle=True)
        self.valid_loader = DataLoader(NoisyPairs(img[:, :, 450:], 128, 1, fixed=True), batch_size=32)
        self.model = SmallUNet()
        self.optim = torch.optim.Adam(self.model.parameters(), lr=lr, betas=(0.9, 0.99), eps=1e-8)
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optim, epochs)
        self.loss = nn.MSELoss()
        self.epochs = epochs
        self.writer = DiagWriter(logdir)
        self.writer.watch(self.model, self.optim, self.loss)

    def eval(self):
        self.model.eval()
        s = clean = n = 0
        with self.writer.evaluating("val"):
            for src, tgt, c in self.valid_loader:
                o = self.model(src)
                s += self.loss(o, tgt).item() * len(src)
                clean += ((o - c) ** 2).mean().item() * len(src)
                n += len(src)
        return s / n, -10 * np.log10(clean / n)

    def train(self):
        for epoch in range(self.epochs):
            self.model.train()
            for src, tgt, _ in self.train_loader:
                loss = self.loss(self.model(src), tgt)
                self.optim.zero_grad()
                loss.backward()
                self.optim.step()
            self.scheduler.step()
            v, p = self.eval()
            print(f"epoch {epoch + 1} train {loss.item():.5f} valid {v:.5f} psnr {p:.2f}")
        self.writer.close()
        print(f"RESULT val_mse {v:.5f} floor {SIGMA ** 2:.5f} psnr_clean {p:.2f} psnr_input {-20 * np.log10(SIGMA):.2f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    Noise2Noise(sys.argv[-1], **({"lr": float(sys.argv[1])} if len(sys.argv) > 2 else {})).train()
