"""Grid detector: one square or disc in a noisy image; objectness + class + box offset losses."""
import sys
import numpy as np, torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)
LR = 2e-3
S, G = 24, 6


class Shapes(Dataset):
    def __init__(self, n, seed):
        r = np.random.RandomState(seed); yy, xx = np.mgrid[:S, :S]
        self.img, self.tgt = [], []
        for _ in range(n):
            im = .25 * r.randn(S, S); cx, cy = r.uniform(4, S - 4, 2); rad = r.uniform(2.5, 4.5); c = r.randint(2)
            m = (np.hypot(xx - cx, yy - cy) < rad) if c else (np.maximum(abs(xx - cx), abs(yy - cy)) < rad * .85)
            self.img.append((im + m)[None].astype(np.float32)); self.tgt.append(np.array([cx, cy, rad, c], np.float32))

    def __len__(self):
        return len(self.img)

    def __getitem__(self, i):
        return self.img[i], self.tgt[i]


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        def cb(i, o, s): return nn.Sequential(nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), nn.LeakyReLU(.1))
        self.back = nn.Sequential(cb(1, 12, 1), cb(12, 24, 2), cb(24, 32, 2), cb(32, 32, 1))
        self.obj, self.cls, self.box = nn.Conv2d(32, 1, 1), nn.Conv2d(32, 2, 1), nn.Conv2d(32, 3, 1)

    def forward(self, x):
        f = self.back(x)
        return self.obj(f)[:, 0], self.cls(f), self.box(f)


class DetLoss(nn.Module):
    def forward(self, out, t):
        obj, cls, box = out
        n = torch.arange(len(t)); gx, gy = (t[:, 0] / 4).long(), (t[:, 1] / 4).long()
        o = torch.zeros_like(obj); o[n, gy, gx] = 1
        b = torch.stack([t[:, 0] / 4 - gx - .5, t[:, 1] / 4 - gy - .5, torch.log(t[:, 2] / 3.5)], 1)
        return (10 * nn.functional.binary_cross_entropy_with_logits(obj, o) + nn.functional.cross_entropy(cls[n, :, gy, gx], t[:, 3].long())
                + 5 * nn.functional.smooth_l1_loss(box[n, :, gy, gx], b, beta=.1))


tr, va = DataLoader(Shapes(1500, 0), 32, shuffle=True), DataLoader(Shapes(300, 1), 100)
net, crit = Detector(), DetLoss()
opt = torch.optim.SGD(net.parameters(), lr=LR * 10, momentum=.9, weight_decay=5e-4)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 12)
w = DiagWriter(sys.argv[1]); w.watch(net, opt, crit)
for ep in range(12):
    net.train(); s = 0
    for x, t in tr:
        opt.zero_grad(); l = crit(net(x), t); l.backward(); opt.step(); s += l.item() / len(tr)
    sched.step(); net.eval(); v = hit = 0
    with w.evaluating("val"):
        for x, t in va:
            o = net(x); v += crit(o, t).item() / len(va)
            k = o[0].flatten(1).argmax(1); gy, gx = k // G, k % G; n = torch.arange(len(t))
            px, py = (o[2][n, 0, gy, gx] + gx + .5) * 4, (o[2][n, 1, gy, gx] + gy + .5) * 4
            hit += (((px - t[:, 0]).hypot(py - t[:, 1]) < 1) & (o[1][n, :, gy, gx].argmax(1) == t[:, 3])).float().mean().item() / len(va)
    print(f"epoch {ep} train {s:.3f} val {v:.3f} right class within 1 px {hit:.3f}")
w.close()
