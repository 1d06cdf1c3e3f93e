# PSPNet-like segmentation of aerial parcels. Pictures and label maps are kept at 96x96 and brought to 32x32 for training.
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from tb_lossdiag import DiagWriter

mode, log = sys.argv[1:3]
torch.set_num_threads(1); torch.manual_seed(0)
R = np.random.RandomState(42)
# 0 background, 2 road, 6 hedge, 7 roof, 10 water   (11 labels in the catalogue, these occur in this area)
CLASSES = 11
COLOR = R.uniform(0.2, 0.8, (CLASSES, 3))


def scene():
    lab = np.zeros((96, 96), np.uint8)
    wat = gaussian_filter(R.randn(96, 96), 9); lab[wat > np.quantile(wat, 0.86)] = 10
    for _ in range(R.randint(3, 6)):                       # roads and hedges are narrow stripes
        k, w = R.choice([2, 6]), R.randint(4, 8)
        p = R.randint(4, 88)
        if R.rand() < .5: lab[:, p:p + w] = k
        else: lab[p:p + w, :] = k
    for _ in range(R.randint(8, 15)):                      # small buildings
        y, x, h, w = R.randint(0, 86), R.randint(0, 86), R.randint(6, 13), R.randint(6, 13)
        lab[y:y + h, x:x + w] = 7
    img = COLOR[lab] + 0.06 * gaussian_filter(R.randn(96, 96, 1), (4, 4, 0)) * 6
    img = gaussian_filter(img, (1.0, 1.0, 0)) + 0.16 * R.randn(96, 96, 3)
    return img.astype(np.float32), lab


def resize_label(lab, dims, how):
    """Image.fromarray(label).resize(dims[, resample]) without Pillow (its bilinear filter is antialiased, too)"""
    t = torch.from_numpy(lab.astype(np.float32))[None, None]
    if how == "nearest":
        return F.interpolate(t, size=dims, mode="nearest-exact")[0, 0].long()
    return F.interpolate(t, size=dims, mode="bilinear", align_corners=False, antialias=True)[0, 0].round().long()


def data_gen_small(n, dims=(32, 32)):
    imgs, labs, truth = [], [], []
    for _ in range(n):
        im, lab = scene()
        imgs.append(F.interpolate(torch.from_numpy(im).permute(2, 0, 1)[None], size=dims, mode="bilinear", align_corners=False, antialias=True)[0])
        if mode == "faulty":
            labs.append(resize_label(lab, dims, "linear"))
        else:
            labs.append(resize_label(lab, dims, "nearest"))
        truth.append(resize_label(lab, dims, "nearest"))
    x = torch.stack(imgs)
    return (x - 0.5) / 0.2, torch.stack(labs), torch.stack(truth)


class ConvBN(nn.Sequential):
    def __init__(self, i, o, d=1, s=1):
        super().__init__(nn.Conv2d(i, o, 3, s, d, dilation=d, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class PSPTiny(nn.Module):
    def __init__(self, n=CLASSES):
        super().__init__()
        self.stem = nn.Sequential(ConvBN(3, 16), ConvBN(16, 16))
        self.down = nn.Sequential(ConvBN(16, 32, s=2), ConvBN(32, 32, d=2))
        self.pool = nn.ModuleList([nn.Conv2d(32, 8, 1) for _ in range(3)])
        self.mix = ConvBN(32 + 24 + 16, 24)
        self.out = nn.Conv2d(24, n, 1)

    def forward(self, x):
        a = self.stem(x)
        b = self.down(a)
        parts = [b] + [F.interpolate(c(F.adaptive_avg_pool2d(b, s)), size=b.shape[2:], mode="bilinear", align_corners=False)
                       for c, s in zip(self.pool, (1, 2, 4))]
        u = F.interpolate(torch.cat(parts, 1), size=a.shape[2:], mode="bilinear", align_corners=False)
        return self.out(self.mix(torch.cat([u, a], 1)))


def mean_iou(pred, true):
    ious = []
    for k in (0, 2, 6, 7, 10):
        i = ((pred == k) & (true == k)).sum().item(); u = ((pred == k) | (true == k)).sum().item()
        ious.append(i / max(u, 1))
    return float(np.mean(ious))


Xtr, Ytr, _ = data_gen_small(260)
Xva, Yva, Tva = data_gen_small(80)
net = PSPTiny()
opt = torch.optim.Adam(net.parameters(), lr=4e-3)
crit = nn.CrossEntropyLoss()
writer = DiagWriter(log)
writer.watch(net, opt, crit)
BS, EPOCHS = 10, 10
for ep in range(EPOCHS):
    net.train()
    perm, tl = torch.randperm(len(Xtr)), 0.
    for i in range(0, len(Xtr), BS):
        idx = perm[i:i + BS]
        opt.zero_grad()
        loss = crit(net(Xtr[idx]), Ytr[idx])
        loss.backward()
        opt.step()
        tl += loss.item() * len(idx)
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        vl, preds = 0., []
        for i in range(0, len(Xva), 20):
            o = net(Xva[i:i + 20]); vl += crit(o, Yva[i:i + 20]).item() * len(o); preds.append(o.argmax(1))
    pred = torch.cat(preds)
    print("epoch %d  train %.4f  val %.4f  mIoU %.4f" % (ep + 1, tl / len(Xtr), vl / len(Xva), mean_iou(pred, Tva)))
writer.close()
print(f"RESULT val_loss={vl / len(Xva):.4f} mIoU(true masks)={mean_iou(pred, Tva):.4f} pixel_acc={(pred == Tva).float().mean():.4f}")
