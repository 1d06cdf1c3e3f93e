import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.manual_seed(0)
torch.set_num_threads(1)
S = 12


def volumes(n, seed):
    """cell membranes around random spheres, acquisitions with different gain and offset"""
    g = np.random.default_rng(seed)
    zz = np.stack(np.mgrid[:S, :S, :S])
    xs, ms = [], []
    for _ in range(n):
        raw, seg = g.normal(0, .5, (S, S, S)), np.zeros((S, S, S), np.float32)
        for _ in range(g.integers(1, 4)):
            c, r = g.uniform(2, S - 2, 3), g.uniform(2, 4)
            m = ((zz - c[:, None, None, None]) ** 2).sum(0) < r * r
            seg[m] = 1
        raw += seg * 1.3
        raw = raw * g.lognormal(0, .4) + g.normal(0, 1.2)
        xs.append(raw)
        ms.append(seg)
    return np.stack(xs).astype(np.float32)[:, None], np.stack(ms)[:, None]


def order(i, o):
    norm = nn.BatchNorm3d(o) if form == "faulty" else nn.GroupNorm(4, o)
    return nn.Sequential(nn.Conv3d(i, o, 3, padding=1, bias=False), norm, nn.ReLU())


class UNet3D(nn.Module):
    def __init__(self, f=4):
        super().__init__()
        self.e1, self.e2 = nn.Sequential(order(1, f), order(f, f)), nn.Sequential(order(f, 2 * f), order(2 * f, 2 * f))
        self.pool, self.up = nn.MaxPool3d(2), nn.Upsample(scale_factor=2)
        self.d1 = order(3 * f, f)
        self.final_conv = nn.Conv3d(f, 1, 1)

    def forward(self, x):
        a = self.e1(x)
        b = self.e2(self.pool(a))
        return self.final_conv(self.d1(torch.cat([self.up(b), a], 1)))


class UNet3DTrainer:
    def __init__(self, model, loaders, epochs):
        self.model, self.loaders, self.epochs = model, loaders, epochs
        self.loss_criterion = nn.BCEWithLogitsLoss()
        self.optimizer = torch.optim.Adam(model.parameters(), lr=4e-3, weight_decay=1e-5)
        self.writer = DiagWriter(logdir)
        self.writer.watch(model, self.optimizer, self.loss_criterion)

    def fit(self):
        for epoch in range(self.epochs):
            self.model.train()
            losses = []
            for x, t in self.loaders["train"]:
                loss = self.loss_criterion(self.model(x), t)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                losses.append(loss.item())
            vl, iou = self.validate()
            print(f"epoch {epoch} train {np.mean(losses):.4f} val {vl:.4f} IoU {iou:.3f}")
        self.writer.close()

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        vl, i, u = [], 0, 0
        with self.writer.evaluating("val"):
            for x, t in self.loaders["val"]:
                out = self.model(x)
                vl.append(self.loss_criterion(out, t).item())
                i += ((out > 0) & (t > 0)).sum().item()
                u += ((out > 0) | (t > 0)).sum().item()
        return np.mean(vl), i / u


xtr, mtr = volumes(80, 1)
xva, mva = volumes(30, 2)
m, s = xtr.mean(), xtr.std()
mk = lambda x, t, sh: DataLoader(TensorDataset(torch.from_numpy((x - m) / s), torch.from_numpy(t)), batch_size=1, shuffle=sh)
UNet3DTrainer(UNet3D(), {"train": mk(xtr, mtr, True), "val": mk(xva, mva, False)}, 5).fit()
