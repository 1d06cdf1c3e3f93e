# Road scenes with a mini SegNet (pool indices), median frequency balancing as in the paper
import sys, random
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
for seed in (np.random.seed, torch.manual_seed, random.seed):
    seed(4)
NAMES = ["sky", "building", "road", "car", "pole"]
S = 32


def scene():
    lab = np.zeros((S, S), int)
    hor = random.randint(9, 15)
    x = 0
    while x < S:
        w = random.randint(4, 9)
        lab[random.randint(3, hor):hor + 5, x:x + w] = 1
        x += w + random.choice([0, 0, 3])
    for r in range(hor + 3, S):
        half = 4 + (r - hor) * .9
        lab[r, max(0, int(16 - half)):int(16 + half)] = 2
    lab[hor + 3:][lab[hor + 3:] == 0] = 1
    for _ in range(random.randint(0, 2)):
        cy, cx = random.randint(hor + 5, S - 5), random.randint(7, S - 9)
        lab[cy - 2:cy + 2, cx - 3:cx + 3] = 3
    if random.random() < .7:
        px = random.randint(1, S - 2)
        lab[random.randint(2, 6):hor + 8, px] = 4
    cols = np.array([[.6, .7, .9], [.55, .45, .4], [.4, .4, .42], [.5, .3, .3], [.35, .35, .35]])
    cols = cols + np.random.normal(0, .05, cols.shape)
    img = cols[lab] + np.random.normal(0, .09, (S, S, 3))
    img *= np.random.uniform(.75, 1.2)
    return img.transpose(2, 0, 1).astype("float32"), lab


def build(n):
    a = [scene() for _ in range(n)]
    return torch.tensor(np.stack([i for i, _ in a])) - .5, torch.tensor(np.stack([l for _, l in a]))


class SegNet(nn.Module):
    def __init__(self, k=5, c=(16, 24)):
        super().__init__()
        cbr = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(True))
        self.e1, self.e2 = cbr(3, c[0]), cbr(c[0], c[1])
        self.mid = cbr(c[1], c[1])
        self.d2, self.d1 = cbr(c[1], c[0]), cbr(c[0], c[0])
        self.cls = nn.Conv2d(c[0], k, 1)

    def forward(self, x):
        x, i1 = F.max_pool2d(self.e1(x), 2, return_indices=True)
        x, i2 = F.max_pool2d(self.e2(x), 2, return_indices=True)
        x = self.mid(x)
        x = self.d2(F.max_unpool2d(x, i2, 2))
        x = self.d1(F.max_unpool2d(x, i1, 2))
        return self.cls(x)


xt, yt = build(500)
xv, yv = build(160)
freq = torch.bincount(yt.flatten(), minlength=5).float()
freq /= freq.sum()
weights = freq.median() / freq
print({n: f"{f:.3f} w {w:.2f}" for n, f, w in zip(NAMES, freq.tolist(), weights.tolist())})
net = SegNet()
criterion = nn.CrossEntropyLoss(weight=weights)
opt = torch.optim.SGD(net.parameters(), lr=.1, momentum=.9)
poly = torch.optim.lr_scheduler.PolynomialLR(opt, total_iters=16, power=.9)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, criterion)


def miou(pred, true):
    ious = []
    for k in range(5):
        a, b = pred == k, true == k
        ious.append((a & b).sum().item() / max(1, (a | b).sum().item()))
    return ious


for epoch in range(16):
    net.train()
    ls = []
    for b in torch.randperm(500).split(10):
        x, y = xt[b], yt[b]
        if random.random() < .5:
            x, y = x.flip(3), y.flip(2)
        loss = criterion(net(x), y)
        opt.zero_grad(); loss.backward(); opt.step()
        ls.append(loss.item())
    poly.step()
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        o = net(xv)
        vl = criterion(o, yv).item()
    iou = miou(o.argmax(1), yv)
    print(f"epoch {epoch + 1} loss {np.mean(ls):.4f} val {vl:.4f} mIoU {np.mean(iou):.3f}", [round(i, 2) for i in iou])
writer.close()
print(f"RESULT train={np.mean(ls):.4f} val={vl:.4f} miou={np.mean(iou):.4f}")
