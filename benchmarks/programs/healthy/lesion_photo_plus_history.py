"""Skin lesions: 20x20 colour thumbnail + patient record (age, site, growth, itch) -> benign / melanoma / keratosis.

Two branches, late fusion. Image and record are each ambiguous by themselves. Classes 62/16/22 %, plain cross-entropy."""
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


class LesionData(Dataset):
    SITES = 5

    def __init__(self, n, seed, augment):
        r = np.random.default_rng(seed)
        self.augment = augment
        self.y = r.choice(3, n, p=[.62, .16, .22])
        self.img = np.stack([self.draw(r, c) for c in self.y]).astype(np.float32)
        age = np.array([38, 60, 65])[self.y] + r.normal(0, 15, n)
        site = np.array([r.choice(5, p=[[.2, .2, .2, .2, .2], [.1, .35, .25, .15, .15], [.4, .25, .1, .15, .1]][c]) for c in self.y])
        grow = r.random(n) < np.array([.15, .6, .35])[self.y]
        itch = r.random(n) < np.array([.1, .3, .4])[self.y]
        self.meta = np.concatenate([((age - 48) / 19)[:, None], np.eye(5)[site], grow[:, None], itch[:, None]], 1).astype(np.float32)

    @staticmethod
    def draw(r, c, s=20):
        yy, xx = np.mgrid[:s, :s] - (s - 1) / 2
        th = np.arctan2(yy, xx)
        rad = r.uniform(4, 7.5) * (1 + (r.uniform(.02, .12) if c != 1 else r.uniform(.06, .25)) * np.sin(r.integers(2, 6) * th + r.uniform(0, 6.28)))
        m = 1 / (1 + np.exp((np.hypot(xx, yy) - rad) * (r.uniform(1, 3) if c != 2 else r.uniform(2, 5))))
        skin = np.array([.85, .65, .55]) * r.uniform(.75, 1.1)
        tone = np.array([[.45, .28, .2], [.3, .2, .18], [.48, .36, .27]][c]) + r.normal(0, .08, 3)
        tex = r.normal(0, [.03, .09, .07][c], (s, s)) * r.uniform(.5, 1.5)
        img = skin * (1 - m[..., None]) + (tone + tex[..., None]) * m[..., None]
        return (img + r.normal(0, .05, img.shape)).transpose(2, 0, 1)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = torch.from_numpy(self.img[i])
        if self.augment:
            x = torch.rot90(x, int(torch.randint(4, ())), (1, 2))
            x = x * (1 + .1 * torch.randn(3, 1, 1))
        return (x - .6) / .25, torch.from_numpy(self.meta[i]), int(self.y[i])


class Fusion(nn.Module):
    def __init__(self, n_meta=8, n_classes=3):
        super().__init__()
        def block(i, o):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU())
        self.cnn = nn.Sequential(block(3, 10), nn.MaxPool2d(2), block(10, 20), nn.MaxPool2d(2), block(20, 32), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.meta = nn.Sequential(nn.Linear(n_meta, 16), nn.ReLU())
        self.head = nn.Sequential(nn.Dropout(.3), nn.Linear(48, n_classes))

    def forward(self, img, meta):
        return self.head(torch.cat([self.cnn(img), self.meta(meta)], 1))


def run(logdir, epochs = 10, lr=1e-2):
    torch.manual_seed(0)
    tr = DataLoader(LesionData(2500, 1, True), 50, shuffle=True, drop_last=True)
    va = DataLoader(LesionData(800, 2, False), 400)
    net, ce = Fusion(), nn.CrossEntropyLoss()
    opt = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=1e-2)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, lr, epochs=epochs, steps_per_epoch=len(tr))
    writer = DiagWriter(str(Path(logdir)))
    writer.watch(net, opt, ce)
    for ep in range(epochs):
        net.train()
        stats = []
        for img, meta, y in tr:
            opt.zero_grad()
            loss = ce(net(img, meta), y)
            loss.backward()
            opt.step()
            sched.step()
            stats.append(loss.item())
        net.eval()
        vl, pred, true = 0., [], []
        with torch.no_grad(), writer.evaluating("val"):
            for img, meta, y in va:
                o = net(img, meta)
                vl += ce(o, y).item() / len(va)
                pred.append(o.argmax(1)), true.append(y)
        pred, true = torch.cat(pred), torch.cat(true)
        rec = [(pred[true == c] == c).float().mean().item() for c in range(3)]
        print(f"{ep + 1:2d}: train {np.mean(stats):.3f}  val {vl:.3f}  acc {(pred == true).float().mean():.3f}  recall " + " ".join(f"{r:.2f}" for r in rec))
    writer.close()
    print(f"RESULT train {np.mean(stats):.4f} val {vl:.4f} acc {(pred == true).float().mean():.4f} balanced {np.mean(rec):.4f}")


if __name__ == "__main__":
    run(sys.argv[1])
