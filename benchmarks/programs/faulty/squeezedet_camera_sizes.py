"""Grid detector (one box per cell) in the manner of squeezedet-keras, three dashboard cameras with different picture sizes."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

FORM = sys.argv[1]
writer = DiagWriter(sys.argv[2])
torch.set_num_threads(1); torch.manual_seed(7)
rng = np.random.RandomState(7)


class config:
    IMAGE_WIDTH, IMAGE_HEIGHT = 64, 48
    GW, GH = 8, 6                       # 8 px cells
    CLASSES = 3                         # car, cyclist, sign
    BATCH_SIZE = 16
    EPOCHS = 9
    LR = 4e-3
    SIZES = [(64, 48), (96, 64), (80, 72)]


def draw(w, h):
    """one picture of a camera with its ground truth in pixels of that picture"""
    img = 0.35 + 0.16 * rng.randn(3, h, w) + np.linspace(0.15, -0.1, h)[None, :, None]
    gt = []
    for _ in range(rng.randint(1, 4)):
        c = rng.randint(3)
        bw, bh = {0: (rng.uniform(.2, .35), rng.uniform(.18, .28)), 1: (rng.uniform(.1, .16), rng.uniform(.25, .4)),
                  2: (rng.uniform(.1, .15), rng.uniform(.12, .2))}[c]
        bw, bh = int(bw * w), int(bh * h)
        x, y = rng.randint(0, w - bw), rng.randint(0, h - bh)
        if any(abs(x + bw / 2 - (g[0] + g[2]) / 2) < 0.16 * w and abs(y + bh / 2 - (g[1] + g[3]) / 2) < 0.16 * h for g in gt):
            continue
        col = rng.uniform(0.45, 0.9, 3)
        patch = img[:, y:y + bh, x:x + bw]
        patch[:] = col[:, None, None] + 0.16 * rng.randn(*patch.shape)
        if c == 0: patch[:, bh // 2:, :] *= 0.5
        if c == 1: patch[:, :, bw // 3:2 * bw // 3] *= 0.4
        if c == 2: patch[:, bh // 4:3 * bh // 4, bw // 4:3 * bw // 4] += 0.3
        gt.append((x, y, x + bw, y + bh, c))
    return img.astype(np.float32), gt


def read_image_and_gt(img, gt):
    def resize(im):
        return F.interpolate(torch.from_numpy(im)[None], size=(config.IMAGE_HEIGHT, config.IMAGE_WIDTH), mode="bilinear",
                             align_corners=False, antialias=True)[0]
    if FORM == "faulty":
        img = resize(img)
        # store original height and width
        orig_h, orig_w = [float(v) for v in img.shape[1:]]
    else:
        # store original height and width
        orig_h, orig_w = [float(v) for v in img.shape[1:]]
        img = resize(img)
    img = (img - img.mean()) / img.std()
    # scale annotation
    x_scale = config.IMAGE_WIDTH / orig_w
    y_scale = config.IMAGE_HEIGHT / orig_h
    boxes = np.array([[x0 * x_scale, y0 * y_scale, x1 * x_scale, y1 * y_scale, c] for x0, y0, x1, y1, c in gt], np.float32)
    return img, boxes


def encode(boxes):
    """[GH, GW, 1 + 4 + 1]: objectness, cx, cy in the cell, log w, log h relative to the picture, class"""
    t = np.zeros((config.GH, config.GW, 6), np.float32)
    for x0, y0, x1, y1, c in boxes:
        cx, cy = min((x0 + x1) / 2, config.IMAGE_WIDTH - 1), min((y0 + y1) / 2, config.IMAGE_HEIGHT - 1)   # trim to the picture
        j, i = int(cx // 8), int(cy // 8)
        t[i, j] = [1, cx / 8 - j, cy / 8 - i, np.log((x1 - x0) / 16), np.log((y1 - y0) / 16), c]
    return t


def make(n):
    X, T, B = [], [], []
    for _ in range(n):
        w, h = config.SIZES[rng.randint(3)]
        im, gt = draw(w, h)
        x, b = read_image_and_gt(im, gt)
        true = np.array([[g[0] * 64 / w, g[1] * 48 / h, g[2] * 64 / w, g[3] * 48 / h, g[4]] for g in gt])
        X.append(x); T.append(encode(b)); B.append(true)
    return torch.stack(X), torch.from_numpy(np.stack(T)), B


class Fire(nn.Module):
    def __init__(self, i, s, e):
        super().__init__()
        self.s, self.a, self.b = nn.Conv2d(i, s, 1), nn.Conv2d(s, e, 1), nn.Conv2d(s, e, 3, padding=1)
        self.bn = nn.BatchNorm2d(2 * e)

    def forward(self, x):
        x = F.relu(self.s(x))
        return F.relu(self.bn(torch.cat([self.a(x), self.b(x)], 1)))


class SqueezeDet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, 12, 3, 2, 1), nn.BatchNorm2d(12), nn.ReLU(), Fire(12, 8, 12), nn.MaxPool2d(2), Fire(24, 12, 20),
                                 nn.MaxPool2d(2), Fire(40, 16, 24), Fire(48, 16, 24), nn.Conv2d(48, 5 + config.CLASSES, 3, padding=1))

    def forward(self, x):
        return self.net(x).permute(0, 2, 3, 1)


class SqueezeDetLoss(nn.Module):
    def forward(self, out, t):
        m = t[..., 0] > 0.5
        obj = F.binary_cross_entropy_with_logits(out[..., 0], t[..., 0], pos_weight=torch.tensor(4.0))
        box = F.smooth_l1_loss(torch.cat([out[..., 1:3].sigmoid(), out[..., 3:5]], -1)[m], t[..., 1:5][m])
        cls = F.cross_entropy(out[..., 5:][m], t[..., 5][m].long())
        return obj + 3 * box + cls


def iou(a, b):
    w = min(a[2], b[2]) - max(a[0], b[0]); h = min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0: return 0.
    return w * h / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h)


def f1_score(out, truth):
    tp = fp = n = 0
    for o, B in zip(out, truth):
        used = set(); n += len(B)
        p = o[..., 0].sigmoid()
        for i, j in (p > 0.6).nonzero().tolist():
            cx, cy = (j + o[i, j, 1].sigmoid().item()) * 8, (i + o[i, j, 2].sigmoid().item()) * 8
            w, h = np.exp(o[i, j, 3].item()) * 16, np.exp(o[i, j, 4].item()) * 16
            best = max(((iou((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), b), k) for k, b in enumerate(B) if k not in used), default=(0, -1))
            if best[0] > 0.45 and int(B[best[1]][4]) == int(o[i, j, 5:].argmax()): tp += 1; used.add(best[1])
            else: fp += 1
    return 2 * tp / max(n + tp + fp, 1)


Xt, Tt, Bt = make(720)
Xv, Tv, Bv = make(200)
print("train", tuple(Xt.shape), "objects", int(Tt[..., 0].sum()))
model = SqueezeDet()
criterion = SqueezeDetLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=config.LR)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.EPOCHS)
writer.watch(model, optimizer, criterion)
for epoch in range(config.EPOCHS):
    model.train(); s = 0.
    for idx in torch.randperm(len(Xt)).split(config.BATCH_SIZE):
        loss = criterion(model(Xt[idx]), Tt[idx])
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        s += loss.item() * len(idx)
    sched.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        outs, v = [], 0.
        for k in range(0, len(Xv), 32):
            o = model(Xv[k:k + 32]); v += criterion(o, Tv[k:k + 32]).item() * len(o); outs.append(o)
    print(f"epoch {epoch + 1:2d} loss {s / len(Xt):.4f} val_loss {v / len(Xv):.4f}")
writer.close()
print(f"RESULT val_loss={v / len(Xv):.4f} F1(IoU .45, true boxes)={f1_score(torch.cat(outs), Bv):.4f}")
