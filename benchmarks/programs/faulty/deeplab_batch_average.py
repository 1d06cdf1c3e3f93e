"""Semantic segmentation of street-like scenes, DeepLab-like encoder with ASPP, the repository's SegmentationLosses, SGD with poly schedule."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(1)
NCLASS = 5   # road, building, sky, car, vegetation


def scenes(n, seed, H=32, W=48):
    rs = np.random.RandomState(seed)
    yy, xx = np.mgrid[:H, :W]
    X, Y = np.zeros((n, 3, H, W), np.float32), np.zeros((n, H, W), np.int64)
    base = np.array([[.35, .35, .38], [.5, .42, .38], [.6, .72, .85], [.5, .2, .25], [.3, .45, .25]])
    for k in range(n):
        hor = rs.uniform(12, 18)
        lab = np.full((H, W), 2)
        x = 0
        while x < W:
            w, h = rs.randint(6, 14), rs.uniform(3, 12)
            c = 1 if rs.rand() < 0.6 else 4
            top = hor - h + (0 if c == 1 else 1.5 * np.sin(xx * 0.9 + rs.rand() * 6))
            lab[(xx >= x) & (xx < x + w) & (yy > top) & (yy < hor + 1)] = c
            x += w
        lab[yy > hor] = 0
        for _ in range(rs.randint(1, 4)):
            cx, cy = rs.uniform(4, W - 4), rs.uniform(hor, H - 5)
            s = 1.5 + (cy - hor) * 0.3
            lab[(np.abs(xx - cx) < 1.6 * s) & (np.abs(yy - cy) < s)] = 3
        col = base + rs.normal(0, 0.06, base.shape)
        img = col[lab].transpose(2, 0, 1)
        img += 0.06 * np.sin(xx * 2.1) * np.isin(lab, [1, 3]) + 0.05 * np.sin(yy * 1.7 + xx) * (lab == 4)
        X[k] = img * rs.uniform(0.75, 1.2) + rs.normal(0, 0.06, img.shape)
        lab[rs.rand(H, W) < 0.01] = 255
        Y[k] = lab
    return torch.tensor((X - 0.45) / 0.2), torch.tensor(Y)


def cbr(i, o, k=3, s=1, d=1):
    return nn.Sequential(nn.Conv2d(i, o, k, s, d * (k // 2), dilation=d, bias=False), nn.BatchNorm2d(o), nn.ReLU())


class DeepLab(nn.Module):
    def __init__(self):
        super().__init__()
        self.low = nn.Sequential(cbr(3, 12), cbr(12, 16, s=2))
        self.high = nn.Sequential(cbr(16, 24, s=2), cbr(24, 24, d=2))
        self.aspp = nn.ModuleList([cbr(24, 16, 1), cbr(24, 16, 3, d=2), cbr(24, 16, 3, d=4)])
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(24, 16, 1), nn.ReLU())
        self.project = cbr(64, 24, 1)
        self.lowproj = cbr(16, 8, 1)
        self.last = nn.Sequential(cbr(32, 24), nn.Conv2d(24, NCLASS, 1))

    def forward(self, x):
        l = self.low(x)
        h = self.high(l)
        a = [m(h) for m in self.aspp] + [self.pool(h).expand(-1, -1, *h.shape[2:])]
        y = F.interpolate(self.project(torch.cat(a, 1)), size=l.shape[2:], mode="bilinear", align_corners=True)
        y = self.last(torch.cat([y, self.lowproj(l)], 1))
        return F.interpolate(y, size=x.shape[2:], mode="bilinear", align_corners=True)


class SegmentationLosses(object):
    def __init__(self, weight=None, batch_average=True, ignore_index=255):
        self.ignore_index, self.weight, self.batch_average = ignore_index, weight, batch_average

    def build_loss(self, mode="ce"):
        return self.CrossEntropyLoss

    def CrossEntropyLoss(self, logit, target):
        n, c, h, w = logit.size()
        criterion = nn.CrossEntropyLoss(weight=self.weight, ignore_index=self.ignore_index)
        loss = criterion(logit, target.long())
        if self.batch_average:
            loss = loss / n
        return loss


class Evaluator(object):
    def __init__(self):
        self.cm = np.zeros((NCLASS, NCLASS))

    def add_batch(self, gt, pre):
        m = gt < NCLASS
        self.cm += np.bincount(NCLASS * gt[m] + pre[m], minlength=NCLASS ** 2).reshape(NCLASS, NCLASS)

    def miou(self):
        return np.mean(np.diag(self.cm) / (self.cm.sum(1) + self.cm.sum(0) - np.diag(self.cm)))


Xtr, ytr = scenes(320, 1)
Xva, yva = scenes(64, 2)
BATCH, EPOCHS, LR = 16, 12, 0.07
model = DeepLab()
optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9, weight_decay=5e-4)
criterion = SegmentationLosses(batch_average=(form == "faulty")).build_loss("ce")
iters = EPOCHS * (len(Xtr) // BATCH)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: (1 - t / iters) ** 0.9)
writer = DiagWriter(logdir)
writer.watch(model, optimizer)
for epoch in range(EPOCHS):
    model.train()
    train_loss = 0.0
    for idx in torch.randperm(len(Xtr)).split(BATCH):
        image, target = Xtr[idx], ytr[idx]
        optimizer.zero_grad()
        output = model(image)
        loss = criterion(output, target)
        writer.add_loss("train", loss)
        loss.backward()
        optimizer.step()
        scheduler.step()
        train_loss += loss.item()
    ev, test_loss = Evaluator(), 0.0
    with writer.evaluating("val"):
        for image, target in zip(Xva.split(BATCH), yva.split(BATCH)):
            output = model(image)
            loss = criterion(output, target)
            writer.add_loss("val", loss)
            test_loss += loss.item()
            ev.add_batch(target.numpy(), output.argmax(1).numpy())
    print("epoch %d train loss %.4f val loss %.4f mIoU %.3f" % (epoch, train_loss / 20, test_loss / 4, ev.miou()))
writer.close()
