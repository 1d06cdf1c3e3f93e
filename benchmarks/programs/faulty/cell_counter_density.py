"""Counting cells from dot annotations (simulated fluorescence images, count = sum of the predicted map)."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

class DensityNet(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        def block(i, o): return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())
        self.enc1, self.enc2 = block(1, c), block(c, 2 * c)
        self.mid = block(2 * c, 2 * c)
        self.dec = block(3 * c, c)
        self.head = nn.Conv2d(c, 1, 1)
        self.pool, self.up = nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode="nearest")
    def forward(self, x):
        a = self.enc1(x)
        b = self.mid(self.enc2(self.pool(a)))
        return self.head(self.dec(torch.cat([a, self.up(b)], 1)))

def render(n, seed, size=32):
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:size, :size]
    img = np.zeros((n, 1, size, size), "float32"); den = np.zeros_like(img)
    for i in range(n):
        for _ in range(rng.integers(1, 9)):
            cy, cx = rng.uniform(2, size - 2, 2)
            d2 = (yy - cy) ** 2 + (xx - cx) ** 2
            img[i, 0] += rng.uniform(.5, 1) * np.exp(-d2 / (2 * rng.uniform(1.2, 2.2) ** 2))
            py, px = np.clip(np.rint([cy, cx] + rng.normal(0, .8, 2)), 0, size - 1).astype(int)   # one click per cell
            den[i, 0, py, px] += 1
        for _ in range(rng.integers(1, 5)):                     # debris: sharp specks, no cells
            img[i, 0, rng.integers(size), rng.integers(size)] += rng.uniform(.5, 1)
    img += rng.normal(0, .12, img.shape)
    return TensorDataset(torch.tensor(img, dtype=torch.float32), torch.tensor(den * 100, dtype=torch.float32))   # maps x100 as in the paper

class Trainer:
    def __init__(self, form, logdir):
        torch.manual_seed(0); torch.set_num_threads(1)
        self.train_set, self.val_set = render(500, 1), render(200, 2)
        self.model = DensityNet()
        self.loss = nn.L1Loss() if form == "faulty" else nn.MSELoss()
        self.opt = torch.optim.Adam(self.model.parameters(), 1e-3)
        self.log = DiagWriter(logdir)
        self.log.watch(self.model, self.opt, self.loss)
    def evaluate(self):
        err = []
        with self.log.evaluating("val"):
            for x, d in DataLoader(self.val_set, 50):
                out = self.model(x); self.loss(out, d)
                err.append((out.sum((1, 2, 3)) - d.sum((1, 2, 3))).abs() / 100)
        return torch.cat(err).mean().item()
    def fit(self, epochs):
        for e in range(epochs):
            self.model.train()
            for x, d in DataLoader(self.train_set, 16, shuffle=True):
                self.opt.zero_grad()
                l = self.loss(self.model(x), d)
                l.backward(); self.opt.step()
            print(f"epoch {e} loss {l.item():.3f} count MAE {self.evaluate():.3f}", flush=True)
        return self.evaluate()

t = Trainer(*sys.argv[1:3])
mae = t.fit(10); t.log.close()
print(f"RESULT val_count_mae {mae:.3f} mean_count {sum(d.sum() for _, d in t.val_set).item() / 100 / len(t.val_set):.2f}")
