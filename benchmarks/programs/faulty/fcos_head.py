import sys
import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.manual_seed(2)
torch.set_num_threads(1)
rng = np.random.default_rng(2)
SIZE, STRIDE, CLASSES = 64, 4, 3
G = SIZE // STRIDE


def draw(n):
    imgs = rng.normal(0, 0.5, (n, 1, SIZE, SIZE)).astype(np.float32)
    cls = np.zeros((n, CLASSES, G, G), np.float32)
    reg = np.zeros((n, 2, G, G), np.float32)
    yy, xx = np.mgrid[:SIZE, :SIZE]
    for i in range(n):
        for _ in range(rng.integers(1, 3)):
            c = rng.integers(CLASSES)
            cy, cx = rng.integers(6, SIZE - 6, 2)
            h, w = rng.uniform(3, 5.5, 2)
            dy, dx = (yy - cy) / h, (xx - cx) / w
            m = {0: dy ** 2 + dx ** 2 < 1, 1: np.maximum(abs(dy), abs(dx)) < .9, 2: abs(dy) + abs(dx) < 1}[c]
            if c == 1:
                m &= ~(np.maximum(abs(dy), abs(dx)) < .45)
            if c == 2:
                m |= (abs(dy) < .25) & (abs(dx) < 1.6)
            imgs[i, 0][m] += 2.0
            cls[i, c, cy // STRIDE, cx // STRIDE] = 1
            reg[i, :, cy // STRIDE, cx // STRIDE] = np.log(np.array([h, w]) / 4)
    return torch.from_numpy(imgs), torch.from_numpy(cls), torch.from_numpy(reg)


class FCOSLite(nn.Module):
    def __init__(self, ch=20):
        super().__init__()
        def block(i, o, s=1):
            return [nn.Conv2d(i, o, 3, s, 1, bias=False), nn.GroupNorm(4, o), nn.ReLU()]
        self.backbone = nn.Sequential(*block(1, 8, 2), *block(8, ch, 2), *block(ch, ch))
        self.cls_tower = nn.Sequential(*block(ch, ch))
        self.cls_logits = nn.Conv2d(ch, CLASSES, 1)
        self.bbox_pred = nn.Conv2d(ch, 2, 1)
        if form == "fixed":
            nn.init.constant_(self.cls_logits.bias, -math.log((1 - 0.01) / 0.01))

    def forward(self, x):
        h = self.cls_tower(self.backbone(x))
        return self.cls_logits(h), self.bbox_pred(h)


def compute_loss(logits, box, cls, reg):
    pos = cls.amax(1) > 0
    num_pos = pos.sum().clamp(min=1)
    if form == "faulty":
        cls_loss = F.binary_cross_entropy_with_logits(logits, cls)
    else:
        p = logits.sigmoid()
        ce = F.binary_cross_entropy_with_logits(logits, cls, reduction="none")
        pt = p * cls + (1 - p) * (1 - cls)
        alpha = 0.75 * cls + 0.25 * (1 - cls)
        cls_loss = (alpha * (1 - pt) ** 2 * ce).sum() / num_pos
    reg_loss = (F.smooth_l1_loss(box, reg, reduction="none").sum(1) * pos).sum() / num_pos
    return cls_loss + reg_loss


train, val = draw(500), draw(120)
model = FCOSLite()
optimizer = torch.optim.SGD(model.parameters(), lr=0.008, momentum=0.9, weight_decay=1e-4)
lr_sched = torch.optim.lr_scheduler.MultiStepLR(optimizer, [8, 11], 0.1)
writer = DiagWriter(logdir)
writer.watch(model, optimizer)

for epoch in range(12):
    model.train()
    tl = []
    for idx in torch.randperm(500).split(16):
        loss = compute_loss(*model(train[0][idx]), train[1][idx], train[2][idx])
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tl.append(loss.item())
    lr_sched.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        logits, box = model(val[0])
        vl = compute_loss(logits, box, val[1], val[2])
        writer.add_loss("val", vl)
    p = logits.sigmoid() * (F.max_pool2d(logits, 3, 1, 1) == logits)
    det = p > 0.3
    tp = (det & (val[1] > 0)).sum().item()
    print(f"ep {epoch} train {np.mean(tl):.4f} val {vl:.4f} recall {tp / val[1].sum().item():.3f} precision {tp / max(1, det.sum().item()):.3f}")
writer.close()
