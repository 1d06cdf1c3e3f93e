"""d2l.ai 14.7 Single Shot Multibox Detection on a banana-like data set (one class, drawn at 48x48): TinySSD with three scales,
cross-entropy over all anchors + L1 on the offsets of the positive ones, SGD with weight decay 5e-4 (and momentum, rate down to zero over the run)."""
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


# ---- data: a bent yellow thing on a cluttered background --------------------------------------------------------
def bananas(n, seed):
    r = np.random.default_rng(seed)
    yy, xx = np.mgrid[0:48, 0:48].astype(np.float32)
    X = np.empty((n, 3, 48, 48), np.float32)
    Y = np.empty((n, 1, 5), np.float32)
    for i in range(n):
        img = r.uniform(.2, .8, (3, 1, 1)) + .1 * np.sin(xx * r.uniform(.1, .5) + r.uniform(0, 6)) * np.ones((3, 1, 1))
        for _ in range(r.integers(2, 6)):
            x0, y0, w, h = r.integers(0, 40), r.integers(0, 40), r.integers(3, 14), r.integers(3, 14)
            img[:, y0:y0 + h, x0:x0 + w] = r.uniform(.1, .9, (3, 1, 1))
        R, a0, span = r.uniform(7, 11), r.uniform(0, 6.28), r.uniform(1.4, 2.1)
        cx, cy = r.uniform(14, 34, 2)
        t = np.linspace(a0, a0 + span, 24)
        px, py = cx + R * (np.cos(t) - np.cos(t.mean())), cy + R * (np.sin(t) - np.sin(t.mean()))
        th = r.uniform(1.8, 2.8) * np.sin(np.linspace(.35, 2.8, 24))
        m = np.zeros((48, 48), bool)
        for x, y, d in zip(px, py, th):
            m |= (xx - x) ** 2 + (yy - y) ** 2 < d * d
        img[:, m] = np.array([[.9], [.8], [.2]]) * r.uniform(.75, 1.05)
        X[i] = np.clip(img + r.normal(0, .04, img.shape), 0, 1)
        ys, xs = np.nonzero(m)
        Y[i, 0] = 0, xs.min() / 48, ys.min() / 48, (xs.max() + 1) / 48, (ys.max() + 1) / 48
    return torch.from_numpy(X), torch.from_numpy(Y)


# ---- anchors ----------------------------------------------------------------------------------------------------
def multibox_prior(h, w, sizes, ratios):
    cy, cx = torch.meshgrid((torch.arange(h) + .5) / h, (torch.arange(w) + .5) / w, indexing='ij')
    ws = torch.tensor([s * r ** .5 for s, r in [(s, ratios[0]) for s in sizes] + [(sizes[0], r) for r in ratios[1:]]])
    hs = torch.tensor([s / r ** .5 for s, r in [(s, ratios[0]) for s in sizes] + [(sizes[0], r) for r in ratios[1:]]])
    c = torch.stack([cx, cy], -1).reshape(-1, 1, 2)
    half = torch.stack([ws, hs], -1)[None] / 2
    return torch.cat([c - half, c + half], -1).reshape(-1, 4)


def box_iou(a, b):
    area = lambda t: (t[:, 2] - t[:, 0]) * (t[:, 3] - t[:, 1])
    lt, rb = torch.max(a[:, None, :2], b[None, :, :2]), torch.min(a[:, None, 2:], b[None, :, 2:])
    inter = (rb - lt).clamp(min=0).prod(2)
    return inter / (area(a)[:, None] + area(b)[None] - inter)


def to_center(b):
    return torch.cat([(b[..., :2] + b[..., 2:]) / 2, b[..., 2:] - b[..., :2]], -1)


def offset_boxes(anchors, assigned):
    a, g = to_center(anchors), to_center(assigned)
    return torch.cat([10 * (g[..., :2] - a[..., :2]) / a[..., 2:], 5 * torch.log(1e-6 + g[..., 2:] / a[..., 2:])], -1)


def offset_inverse(anchors, off):
    a = to_center(anchors)
    xy, wh = off[..., :2] * a[..., 2:] / 10 + a[..., :2], torch.exp(off[..., 2:] / 5) * a[..., 2:]
    return torch.cat([xy - wh / 2, xy + wh / 2], -1)


def multibox_target(anchors, labels):
    gt = labels[:, 0, 1:]
    iou = box_iou(anchors, gt)                                        # (anchors, batch)
    pos = iou >= .5
    pos[iou.argmax(0), torch.arange(len(gt))] = True                  # the best anchor always belongs to the object
    pos = pos.T
    off = offset_boxes(anchors[None], gt[:, None].expand(-1, len(anchors), -1))
    return off * pos[..., None], pos[..., None].float().expand(-1, -1, 4), pos.long()


# ---- model ------------------------------------------------------------------------------------------------------
def down_sample_blk(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(),
                         nn.Conv2d(o, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))


sizes = [[.3, .37], [.45, .54], [.71, .79]]
ratios = [[1, 2, .5]] * 3
num_anchors = len(sizes[0]) + len(ratios[0]) - 1


class TinySSD(nn.Module):
    def __init__(self, num_classes=1):
        super().__init__()
        self.num_classes = num_classes
        self.blks = nn.ModuleList([nn.Sequential(down_sample_blk(3, 8), down_sample_blk(8, 16), down_sample_blk(16, 32)),
                                   down_sample_blk(32, 32), nn.AdaptiveMaxPool2d(1)])
        self.cls = nn.ModuleList([nn.Conv2d(32, num_anchors * (num_classes + 1), 3, padding=1) for _ in range(3)])
        self.bbox = nn.ModuleList([nn.Conv2d(32, num_anchors * 4, 3, padding=1) for _ in range(3)])

    def forward(self, X):
        anchors, cls, box = [], [], []
        for blk, c, b, s, r in zip(self.blks, self.cls, self.bbox, sizes, ratios):
            X = blk(X)
            anchors.append(multibox_prior(*X.shape[2:], s, r))
            cls.append(c(X).permute(0, 2, 3, 1).flatten(1))
            box.append(b(X).permute(0, 2, 3, 1).flatten(1))
        cls = torch.cat(cls, 1).reshape(len(X), -1, self.num_classes + 1)
        return torch.cat(anchors), cls, torch.cat(box, 1)


cls_loss = nn.CrossEntropyLoss(reduction='none')
bbox_loss = nn.L1Loss(reduction='none')


def calc_loss(cls_preds, cls_labels, bbox_preds, bbox_labels, bbox_masks):
    batch_size, num_classes = cls_preds.shape[0], cls_preds.shape[2]
    cls = cls_loss(cls_preds.reshape(-1, num_classes), cls_labels.reshape(-1)).reshape(batch_size, -1).mean(dim=1)
    bbox = bbox_loss(bbox_preds * bbox_masks, bbox_labels * bbox_masks).mean(dim=1)
    return (cls + bbox).mean()


train_X, train_Y = bananas(480, 0)
val_X, val_Y = bananas(128, 1)
net = TinySSD()
for m in net.modules():
    if isinstance(m, nn.Conv2d):
        nn.init.xavier_uniform_(m.weight)
trainer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
writer = DiagWriter(sys.argv[1])
writer.watch(net, trainer, calc_loss)


def batch_loss(X, Y):
    anchors, cls_preds, bbox_preds = net(X)
    bbox_labels, bbox_masks, cls_labels = multibox_target(anchors, Y)
    l = writer.loss_fn(cls_preds, cls_labels, bbox_preds, bbox_labels.flatten(1), bbox_masks.flatten(1))
    return l, anchors, cls_preds, bbox_preds


num_epochs, batch_size = 18, 32
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(trainer, num_epochs)
for epoch in range(num_epochs):
    net.train()
    total = 0
    for idx in torch.randperm(len(train_X)).split(batch_size):
        trainer.zero_grad()
        l, *_ = batch_loss(train_X[idx], train_Y[idx])
        l.backward()
        trainer.step()
        total += l.item() * len(idx)
    scheduler.step()
    net.eval()
    with writer.evaluating("val"), torch.no_grad():
        vl, anchors, cls_preds, bbox_preds = batch_loss(val_X, val_Y)
    best = cls_preds.softmax(-1)[..., 1].argmax(1)
    boxes = offset_inverse(anchors[best], bbox_preds.reshape(len(val_X), -1, 4)[torch.arange(len(val_X)), best])
    iou = box_iou(boxes, val_Y[:, 0, 1:]).diagonal().mean().item()
    if epoch % 2:
        print(f'epoch {epoch + 1} loss {total / len(train_X):.4f} val {vl.item():.4f} mean IoU of the best box {iou:.3f}')
writer.close()
print(f'RESULT train {total / len(train_X):.4f} val {vl.item():.4f} iou {iou:.3f}')
