"""Left view -> right view of a stereo endoscope, small Deep3D: a distribution over disparities picks shifted copies
of the left picture.  Simulated pictures, uint8, 3 x 32 x 48."""
import sys
from dataclasses import dataclass
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter


@dataclass
class Cfg:
    form: str
    logdir: str
    n_train: int = 320
    n_val: int = 80
    batch: int = 16
    epochs: int = 14
    lr: float = 0.1
    momentum: float = 0.9
    disparities: int = 6


cfg = Cfg(*sys.argv[1:3])
torch.manual_seed(3)
torch.set_num_threads(1)


def scene(seed, h=32, w=48):
    r = np.random.default_rng(seed)
    ext = w + 16
    tex = r.integers(30, 220, (3, h // 4 + 1, ext // 4 + 1)).astype(np.float32)
    tex = np.kron(tex, np.ones((1, 4, 4), np.float32))[:, :h, :ext]
    tex += r.normal(0, 6, tex.shape)
    d = r.integers(1, 6)                      # background is fixed at 1, an organ nearer at d
    left, right = tex[:, :, :w].copy(), tex[:, :, 1:w + 1].copy()
    cy, cx, rad = r.integers(8, 24), r.integers(12, 36), r.integers(6, 10)
    yy, xx = np.mgrid[:h, :w]
    colour = np.array([200 - 25 * d, 40 + 25 * d, 60], np.float32)[:, None, None]
    skin = colour + r.normal(0, 12, (3, h, ext))
    ml = (yy - cy) ** 2 + (xx - cx) ** 2 < rad ** 2
    mr = (yy - cy) ** 2 + (xx + d - cx) ** 2 < rad ** 2
    left[:, ml] = skin[:, :, :w][:, ml]
    right[:, mr] = skin[:, :, d:w + d][:, mr]
    return left.clip(0, 255).astype(np.uint8), right.clip(0, 255).astype(np.uint8)


def to_tensor(img):                           # what the torchvision transform does to uint8 pictures
    return torch.from_numpy(img).float().div(255)


class Stereo(Dataset):
    def __init__(self, first, n):
        self.pairs = [scene(first + i) for i in range(n)]

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, i):
        left, right = map(to_tensor, self.pairs[i])
        if cfg.form == "faulty":
            left, right = left / 255.0, right / 255.0
        return left, right


class Deep3DSmall(nn.Module):
    def __init__(self, nd):
        super().__init__()
        self.nd = nd
        self.enc1 = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU())
        self.enc2 = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU())
        self.head = nn.Conv2d(48, nd, 3, padding=1)

    def forward(self, left):
        a = self.enc1(left)
        b = F.interpolate(self.enc2(a), scale_factor=2)
        prob = self.head(torch.cat([a, b], 1)).softmax(1)
        padded = F.pad(left, (0, self.nd, 0, 0), mode="replicate")
        shifted = torch.stack([padded[..., k:k + left.shape[-1]] for k in range(self.nd)], 1)
        return (prob[:, :, None] * shifted).sum(1)


tl = DataLoader(Stereo(0, cfg.n_train), cfg.batch, shuffle=True)
vl = DataLoader(Stereo(10_000, cfg.n_val), cfg.batch)
net = Deep3DSmall(cfg.disparities)
opt = torch.optim.SGD(net.parameters(), lr=cfg.lr, momentum=cfg.momentum)
crit = nn.L1Loss()
tb = DiagWriter(cfg.logdir)
tb.watch(net, opt, crit)
for ep in range(cfg.epochs):
    net.train()
    s = 0.0
    for l, r in tl:
        opt.zero_grad()
        loss = crit(net(l), r)
        loss.backward()
        opt.step()
        s += loss.item()
    err = base = 0.0
    with tb.evaluating("val"):
        for l, r in vl:
            err += crit(net(l), r).item()
            base += (l - r).abs().mean().item()
    tb.add_scalar("train/l1", s / len(tl), ep)
    tb.add_scalar("val/l1", err / len(vl), ep)
    print(f"[{ep}] train {s / len(tl):.6f} val {err / len(vl):.6f}  relative to copying the left view {err / base:.3f}")
tb.close()
print(f"RESULT val_l1_relative_to_left_view {err / base:.4f}")
