import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(12)


class Shapes(Dataset):
    """16x16 renderings: which shape (4 classes), its size (regression), its centre (regression, precise)"""
    def __init__(self, n, seed, train=False):
        r = np.random.RandomState(seed)
        yy, xx = np.mgrid[0:16, 0:16]
        ims, cls, size, ctr = [], [], [], []
        for _ in range(n):
            k, s = r.randint(4), r.uniform(2.2, 4.5)
            cx, cy = r.uniform(4.5, 10.5, 2)
            dx, dy = xx - cx, yy - cy
            d = [np.hypot(dx, dy), np.maximum(abs(dx), abs(dy)) * 1.1, (abs(dx) + abs(dy)) * .8, np.minimum(abs(dx), abs(dy)) * 2.2 + .35 * np.hypot(dx, dy)][k]
            im = 1 / (1 + np.exp(2.5 * (d - s)))
            if not train: im = im + .25 * r.randn(16, 16)          # sensor noise: fresh at every visit in training
            ims.append(im); cls.append(k); size.append((s - 3.35) / .66); ctr.append([(cx - 7.5) / 1.73, (cy - 7.5) / 1.73])
        self.x = torch.tensor(np.array(ims), dtype=torch.float32)[:, None]
        self.c, self.s, self.p = torch.tensor(cls), torch.tensor(size, dtype=torch.float32), torch.tensor(ctr, dtype=torch.float32)

        self.noise = .25 if train else 0.

    def __len__(self): return len(self.x)
    def __getitem__(self, i): return self.x[i] + self.noise * torch.randn(1, 16, 16), self.c[i], self.s[i], self.p[i]


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, stride=2, bias=False), nn.GroupNorm(4, o), nn.SiLU())


class MultiNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(block(1, 12), block(12, 24), block(24, 48), nn.Flatten(), nn.Linear(192, 64), nn.SiLU())
        self.cls, self.size, self.pos = nn.Linear(64, 4), nn.Linear(64, 1), nn.Linear(64, 2)

    def forward(self, x):
        h = self.trunk(x)
        return self.cls(h), self.size(h).squeeze(1), self.pos(h)


class Uncertainty(nn.Module):
    # Kendall et al.: every task brings its own log variance
    def __init__(self):
        super().__init__()
        self.s = nn.Parameter(torch.zeros(3))

    def forward(self, out, tgt):
        (c, z, p), (tc, tz, tp) = out, tgt
        L = torch.stack([nn.functional.cross_entropy(c, tc), nn.functional.mse_loss(z, tz) / 2, nn.functional.mse_loss(p, tp)])
        self.parts = L.detach()
        return (torch.exp(-self.s) * L + torch.tensor([1., .5, 1.]) * self.s).sum()


tl = DataLoader(Shapes(6000, 0, True), 64, shuffle=True)
vl = DataLoader(Shapes(1000, 1), 250)
net, crit = MultiNet(), Uncertainty()
opt = torch.optim.AdamW([{"params": net.parameters(), "weight_decay": 1e-2}, {"params": crit.parameters(), "weight_decay": 0., "lr": 1e-2}], lr=4e-3)
EPOCHS = 13
sch = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS * len(tl))
w = DiagWriter(sys.argv[1])
w.watch(net, opt, crit)
for ep in range(EPOCHS):
    net.train(); tot = 0
    for x, c, s, p in tl:
        loss = crit(net(x), (c, s, p))
        opt.zero_grad(); loss.backward(); opt.step(); sch.step()
        tot += loss.item()
    v = 0; parts = 0; ok = 0
    with w.evaluating("val"):
        for x, c, s, p in vl:
            o = net(x); v += crit(o, (c, s, p)).item() / len(vl); parts = parts + crit.parts / len(vl); ok += (o[0].argmax(1) == c).sum().item()
    for n, q in zip(("cls", "size", "pos"), parts): w.add_scalar("val_parts/" + n, q.item(), ep)
    print(f"{ep} train {tot / len(tl):.3f} val {v:.3f} parts {[round(q, 4) for q in parts.tolist()]} acc {ok / 1000:.3f} s {[round(q, 2) for q in crit.s.tolist()]}")
w.close()
