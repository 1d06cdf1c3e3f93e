"""Landslide scars in hillshade tiles (simulated: smooth terrain, scar = bright rough tongue). Small encoder-decoder, focal loss as in RetinaNet."""
import sys
import torch, torch.nn as nn, torch.nn.functional as F
from tb_lossdiag import DiagWriter
form, logdir = sys.argv[1], sys.argv[2]
torch.manual_seed(8); torch.set_num_threads(1)
S = 32

def tiles(n, g):
    low = torch.randn(n, 1, 5, 5, generator=g); x = F.interpolate(low, S, mode="bicubic") * .6 + .35 * torch.randn(n, 1, S, S, generator=g)
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, S), torch.linspace(-1, 1, S), indexing="ij")
    r = torch.rand(n, 4, generator=g)
    cx, cy = (r[:, 0, None, None] * 1.4 - .7), (r[:, 1, None, None] * 1.4 - .7); a, b = .12 + .12 * r[:, 2, None, None], .25 + .25 * r[:, 3, None, None]
    m = (((xx - cx) / a) ** 2 + ((yy - cy) / b) ** 2 < 1).float()[:, None]
    tex = torch.randn(n, 1, S, S, generator=g)
    return x + m * (.55 + .7 * tex), m

class FocalLoss(nn.Module):
    def __init__(self, alpha=0.75, gamma=2.0):
        super().__init__(); self.alpha, self.gamma = alpha, gamma
    def forward(self, logits, target):
        bce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        pt = torch.exp(-bce)
        if form == "faulty":
            weight = pt ** self.gamma
        else:
            weight = (1 - pt) ** self.gamma
        at = self.alpha * target + (1 - self.alpha) * (1 - target)
        return (at * weight * bce).sum() / len(target) / 32

def conv(i, o): return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True))
class SmallUNet(nn.Module):
    def __init__(self):
        super().__init__(); self.d1, self.d2, self.mid, self.u2, self.u1 = conv(1, 8), conv(8, 16), conv(16, 24), conv(40, 16), conv(24, 8)
        self.head = nn.Conv2d(8, 1, 1)
    def forward(self, x):
        a = self.d1(x); b = self.d2(F.max_pool2d(a, 2)); c = self.mid(F.max_pool2d(b, 2))
        b = self.u2(torch.cat([F.interpolate(c, scale_factor=2), b], 1)); a = self.u1(torch.cat([F.interpolate(b, scale_factor=2), a], 1))
        return self.head(a)
g = torch.Generator().manual_seed(1); X, M = tiles(900, g); Xv, Mv = tiles(200, g)
net = SmallUNet(); opt = torch.optim.Adam(net.parameters(), 1e-3); loss_fn = FocalLoss()
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 12)
w = DiagWriter(logdir); w.watch(net, opt, loss_fn)
for ep in range(12):
    net.train(); tot = 0
    for b in torch.randperm(900).split(20):
        opt.zero_grad(); l = loss_fn(net(X[b]), M[b]); l.backward(); opt.step(); tot += l.item() / 45
    sched.step(); net.eval(); inter = union = 0; vl = 0
    with w.evaluating("val"):
        for i in range(0, 200, 50):
            o = net(Xv[i:i+50]); vl += loss_fn(o, Mv[i:i+50]).item() / 4; p = o > 0; t = Mv[i:i+50] > 0
            inter += (p & t).sum().item(); union += (p | t).sum().item()
    w.add_scalar("loss/train", tot, ep); w.add_scalar("loss/val", vl, ep); w.add_scalar("iou", inter / max(union, 1), ep)
    print(ep, f"train {tot:.4f} val {vl:.4f} IoU {inter/max(union,1):.3f}")
w.close(); print(f"RESULT val_iou {inter/max(union,1):.4f}")
