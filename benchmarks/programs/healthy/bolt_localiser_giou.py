"""One bolt head per picture: regress (cx, cy, w, h) in [0,1] with a sigmoid, loss = 5 L1 + 2 (1 - GIoU) as in DETR."""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter


def xyxy(b):
    c, s = b[:, :2], b[:, 2:]
    return torch.cat([c - s / 2, c + s / 2], 1)


def iou_giou(p, t):
    p, t = xyxy(p), xyxy(t)
    area = lambda q: (q[:, 2:] - q[:, :2]).clamp(min=0).prod(1)
    inter = (torch.minimum(p[:, 2:], t[:, 2:]) - torch.maximum(p[:, :2], t[:, :2])).clamp(min=0).prod(1)
    union = area(p) + area(t) - inter
    hull = (torch.maximum(p[:, 2:], t[:, 2:]) - torch.minimum(p[:, :2], t[:, :2])).clamp(min=0).prod(1)
    iou = inter / union.clamp(min=1e-7)
    return iou, iou - (hull - union) / hull.clamp(min=1e-7)


class BoxLoss(nn.Module):
    def forward(self, pred, target):
        _, g = iou_giou(pred, target)
        return 5 * (pred - target).abs().mean() + 2 * (1 - g).mean()


def pictures(n, seed, S=40):
    r = np.random.default_rng(seed)
    yy, xx = np.mgrid[:S, :S]
    X = np.empty((n, 1, S, S), "f4"); B = np.empty((n, 4), "f4")
    for i in range(n):
        bg = .3 + .1 * r.normal(size=(S, S)) + .2 * np.sin(xx * r.uniform(.05, .3) + r.uniform(0, 6))
        w, h = r.uniform(8, 18, 2); cx, cy = r.uniform(w / 2, S - w / 2), r.uniform(h / 2, S - h / 2)
        q = ((xx + .5 - cx) / (w / 2)) ** 2 + ((yy + .5 - cy) / (h / 2)) ** 2
        bg[q < 1] = r.uniform(.7, 1.1) + .08 * r.normal(size=(q < 1).sum()); bg[q < .2] -= .35
        for _ in range(2):                                   # scratches as distractors
            a, b, c = r.normal(size=3); d = np.abs(a * (xx - 20) + b * (yy - 20) + 8 * c) / np.hypot(a, b); bg[d < .8] += .4
        X[i, 0] = bg; B[i] = np.array([cx, cy, w, h]) / S
    return torch.tensor((X - .45) / .3), torch.tensor(B)


class Localiser(nn.Module):
    def __init__(self):
        super().__init__()
        f = lambda i, o: [nn.Conv2d(i, o, 3, stride=2, padding=1), nn.BatchNorm2d(o), nn.SiLU()]
        self.body = nn.Sequential(*f(1, 16), *f(16, 32), *f(32, 48), nn.Flatten(), nn.Linear(48 * 25, 96), nn.SiLU())
        self.box = nn.Linear(96, 4)

    def forward(self, x):
        return self.box(self.body(x)).sigmoid()


torch.manual_seed(0); torch.set_num_threads(1)
X, B = pictures(3000, 0); Xv, Bv = pictures(500, 1)
model = Localiser(); loss_fn = BoxLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
EPOCHS = 18
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
writer = DiagWriter(sys.argv[1]); writer.watch(model, optimizer, loss_fn)
for epoch in range(EPOCHS):
    model.train()
    for b in torch.randperm(len(X)).split(32):
        x, t = X[b], B[b].clone()
        if torch.rand(()) < .5:
            x = x.flip(-1); t[:, 0] = 1 - t[:, 0]
        loss = loss_fn(model(x), t)
        optimizer.zero_grad(); loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    sched.step()
    with writer.evaluating("val"):
        p = model(Xv); v = loss_fn(p, Bv).item()
    print(epoch, round(loss.item(), 4), round(v, 4), round(iou_giou(p, Bv)[0].mean().item(), 4))
writer.close()
print("RESULT val_loss", round(v, 4), "mean_iou", round(iou_giou(p, Bv)[0].mean().item(), 4), "iou_of_mean_box", round(iou_giou(B.mean(0).expand_as(Bv), Bv)[0].mean().item(), 4))
