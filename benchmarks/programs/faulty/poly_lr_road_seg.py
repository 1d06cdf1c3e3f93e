"""Mini DeepLab-like net for road surface segmentation, SGD + "poly" learning rate as in most of the semantic segmentation repos."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils import data
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)

BATCH_SIZE = 4
LEARNING_RATE = 0.12
MOMENTUM = 0.9
NUM_STEPS = 1000
POWER = 0.9
WEIGHT_DECAY = 0.0005
NUM_CLASSES = 4


class RoadScenes(data.Dataset):
    """sky / road / verge / obstacle, 20x28"""

    def __init__(self, n, seed):
        r = np.random.RandomState(seed)
        self.x = np.zeros((n, 3, 20, 28), np.float32)
        self.y = np.zeros((n, 20, 28), np.int64)
        yy, xx = np.mgrid[:20, :28]
        for i in range(n):
            h = r.randint(5, 10)
            vx, wid = r.uniform(8, 20), r.uniform(.6, 1.3)
            m = np.full((20, 28), 2)
            m[yy < h] = 0
            m[(yy >= h) & (np.abs(xx - vx) < 1 + wid * (yy - h))] = 1
            for _ in range(r.randint(0, 3)):
                cy, cx, s = r.randint(h, 18), r.randint(2, 26), r.uniform(1.2, 2.8)
                m[(np.abs(yy - cy) < s) & (np.abs(xx - cx) < s * 1.2)] = 3
            light = r.uniform(-.35, .35)
            base = np.array([[.7, .8, .95], [.45, .45, .47], [.42, .52, .36], [.5, .42, .42]]) + .09 * r.randn(4, 3)
            img = base[m] + light + .16 * r.randn(20, 28, 3)
            self.x[i] = img.transpose(2, 0, 1)
            noisy = m.copy()
            # annotators' borders are a pixel off now and then
            e = r.rand(20, 28) < .25
            noisy[e] = np.roll(m, r.choice([-1, 1]), r.randint(2))[e]
            self.y[i] = noisy
        self.x = (self.x - .5) / .25

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class TinyDeepLab(nn.Module):
    def __init__(self, n_classes, c=16):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, c, 3, 1, 1, bias=False), nn.BatchNorm2d(c), nn.ReLU(inplace=True),
                                  nn.Conv2d(c, c, 3, 2, 1, bias=False), nn.BatchNorm2d(c), nn.ReLU(inplace=True))
        self.aspp = nn.ModuleList(nn.Conv2d(c, c, 3, padding=d, dilation=d) for d in (1, 2, 4))
        self.cls = nn.Conv2d(c, n_classes, 1)

    def forward(self, x):
        f = self.stem(x)
        out = F.relu(sum(a(f) for a in self.aspp))
        return F.interpolate(self.cls(out), size=x.shape[2:], mode='bilinear', align_corners=True)


def lr_poly(base_lr, iter, max_iter, power):
    return base_lr * ((1 - float(iter) / max_iter) ** power)


def adjust_learning_rate(optimizer, i_iter):
    lr = lr_poly(LEARNING_RATE, i_iter, NUM_STEPS, POWER)
    if sys.argv[1] == "faulty":
        optimizer.lr = lr
    else:
        optimizer.param_groups[0]['lr'] = lr
    return lr


def miou(conf):
    return (np.diag(conf) / (conf.sum(0) + conf.sum(1) - np.diag(conf))).mean()


def validate(model, loader, criterion, writer):
    model.eval()
    conf, tot = np.zeros((NUM_CLASSES, NUM_CLASSES)), 0.
    with torch.no_grad(), writer.evaluating("val"):
        for img, lab in loader:
            out = model(img)
            tot += criterion(out, lab).item() * len(img)
            p = out.argmax(1)
            conf += np.bincount((lab * NUM_CLASSES + p).flatten().numpy(), minlength=NUM_CLASSES ** 2).reshape(NUM_CLASSES, -1)
    model.train()
    return tot / len(loader.dataset), miou(conf)


def main():
    torch.manual_seed(1234)
    train_set, val_set = RoadScenes(700, 1), RoadScenes(200, 2)
    trainloader = data.DataLoader(train_set, batch_size=BATCH_SIZE, shuffle=True)
    valloader = data.DataLoader(val_set, batch_size=20)
    model = TinyDeepLab(NUM_CLASSES)
    model.train()
    criterion = nn.CrossEntropyLoss(ignore_index=255)
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    writer = DiagWriter(sys.argv[2])
    writer.watch(model, optimizer, criterion)

    trainloader_iter = iter(trainloader)
    for i_iter in range(NUM_STEPS):
        optimizer.zero_grad()
        lr = adjust_learning_rate(optimizer, i_iter)
        try:
            images, labels = next(trainloader_iter)
        except StopIteration:
            trainloader_iter = iter(trainloader)
            images, labels = next(trainloader_iter)
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        if (i_iter + 1) % 100 == 0:
            vl, iou = validate(model, valloader, criterion, writer)
            print('iter = {0:4d}/{1:4d}, loss_seg = {2:.3f} lr = {3:.5f} val = {4:.4f} mIoU = {5:.4f}'.format(
                i_iter + 1, NUM_STEPS, loss.item(), lr, vl, iou))
    writer.close()
    print(f"RESULT val_loss {vl:.4f} mIoU {iou:.4f}")


if __name__ == '__main__':
    main()
