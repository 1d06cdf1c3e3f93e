import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
form, logdir = sys.argv[1:3]
NUM_CLASSES = 3          # 0 none, 1 road sign, 2 car


def street(n, seed):
    r = np.random.RandomState(seed)
    img = np.zeros((n, 3, 24, 24), np.float32)
    lab = np.zeros((n, 24, 24), np.int64)
    for i in range(n):
        img[i] = 0.3 * r.randn(3, 1, 1) + r.randn(3, 24, 24)
        if r.rand() < 0.8:
            y, x = r.randint(1, 19, 2)
            lab[i, y:y + 3, x:x + 3] = 1
            img[i, 0, y:y + 3, x:x + 3] += 1.5
            img[i, 2, y:y + 3, x:x + 3] -= 1.0
        if r.rand() < 0.8:
            y, x = r.randint(1, 19, 2)
            lab[i, y:y + 2, x:x + 4] = 2
            img[i, 0, y:y + 2, x:x + 4] -= 1.0
            img[i, 1, y:y + 2, x:x + 4] += 1.5
    return torch.tensor(img), torch.tensor(lab)


class MiniICNet(nn.Module):
    def __init__(self, c=12):
        super().__init__()
        self.high = nn.Sequential(nn.Conv2d(3, c, 3, padding=1), nn.BatchNorm2d(c), nn.ReLU(),
                                  nn.Conv2d(c, c, 3, padding=1), nn.BatchNorm2d(c), nn.ReLU())
        self.low = nn.Sequential(nn.Conv2d(3, c, 5, stride=2, padding=2), nn.BatchNorm2d(c), nn.ReLU(),
                                 nn.Conv2d(c, c, 3, padding=1), nn.BatchNorm2d(c), nn.ReLU())
        self.cff = nn.Conv2d(2 * c, NUM_CLASSES, 1)

    def forward(self, x):
        low = F.interpolate(self.low(x), scale_factor=2, mode="bilinear", align_corners=False)
        return self.cff(torch.cat([self.high(x), low], 1))


torch.manual_seed(0)
BASE_LR = 0.05
Xt, Yt = street(480, 1)
Xv, Yv = street(160, 2)
freq = torch.bincount(Yt.flatten(), minlength=NUM_CLASSES).float()
weight = None if form == "faulty" else (freq.sum() / freq).sqrt() / (freq.sum() / freq).sqrt().mean()
net = MiniICNet()
criterion = nn.CrossEntropyLoss(weight=weight)
opt = torch.optim.SGD(net.parameters(), lr=BASE_LR, momentum=0.9, weight_decay=1e-4)
writer = DiagWriter(logdir)
writer.watch(net, opt, criterion)


def mean_iou(pred, lab):
    ious = []
    for k in range(NUM_CLASSES):
        inter = ((pred == k) & (lab == k)).sum().item()
        union = ((pred == k) | (lab == k)).sum().item()
        ious.append(inter / max(union, 1))
    return ious


for epoch in range(12):
    for g in opt.param_groups:
        g["lr"] = BASE_LR * (1 - epoch / 12) ** 0.9
    net.train()
    perm, tl = torch.randperm(len(Xt)), 0
    for i in range(0, len(Xt), 16):
        b = perm[i:i + 16]
        loss = criterion(net(Xt[b]), Yt[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        tl += loss.item() * 16 / len(Xt)
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = net(Xv)
        vl = criterion(out, Yv).item()
    iou = mean_iou(out.argmax(1), Yv)
    print("epoch %d loss %.4f val %.4f pixel acc %.3f IoU none %.3f sign %.3f car %.3f"
          % (epoch, tl, vl, (out.argmax(1) == Yv).float().mean(), *iou))
writer.close()
