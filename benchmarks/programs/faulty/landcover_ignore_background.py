# land cover segmentation of small multispectral tiles; classes 0 background (fields), 1 building, 2 water, 3 forest
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter, zoom
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(14)
rng = np.random.RandomState(14)
SIG = rng.uniform(0.25, 0.6, (4, 5))


def tile():
    y = np.zeros((32, 32), int)
    f = gaussian_filter(rng.randn(32, 32), 4); y[f > 0.065] = 3
    w = gaussian_filter(rng.randn(32, 32), 5); y[w > 0.075] = 2
    for _ in range(rng.randint(0, 7)):
        a, b = rng.randint(0, 28, 2); h, v = rng.randint(3, 6, 2)
        y[a:a + h, b:b + v] = 1
    x = SIG[y].transpose(2, 0, 1) + 0.10 * rng.randn(5, 32, 32)
    x += 0.05 * np.stack([gaussian_filter(rng.randn(32, 32), 3) for _ in range(5)]) * 8      # moisture, haze
    return gaussian_filter(x, (0, 0.6, 0.6)), y


T = [tile() for _ in range(560)]
X = torch.tensor(np.stack([t[0] for t in T]), dtype=torch.float32)
Y = torch.tensor(np.stack([t[1] for t in T]))
mean, std = X[:400].mean((0, 2, 3), keepdim=True), X[:400].std((0, 2, 3), keepdim=True)
X = (X - mean) / std
print("pixel share of the classes", np.bincount(Y.flatten(), minlength=4) / Y.numel())


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU())


class FCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = block(5, 12), block(12, 24), block(24, 24)
        self.score = nn.Conv2d(36, 4, 1)

    def forward(self, x):
        a = self.a(x)
        b = self.c(self.b(F.max_pool2d(a, 2)))
        return self.score(torch.cat([a, F.interpolate(b, scale_factor=2, mode="bilinear", align_corners=False)], 1))


class CrossEntropyLoss2d(nn.Module):
    def __init__(self, weight=None, ignore_index=255):
        super().__init__()
        self.nll_loss = nn.NLLLoss(weight, reduction="mean", ignore_index=ignore_index)

    def forward(self, inputs, targets):
        return self.nll_loss(F.log_softmax(inputs, dim=1), targets)


cfg = dict(ignore_label=0 if sys.argv[1] == "faulty" else 255, lr=0.05, epochs=9, bs=8)
net = FCN()
criterion = CrossEntropyLoss2d(ignore_index=cfg["ignore_label"])
optimizer = torch.optim.SGD(net.parameters(), lr=cfg["lr"], momentum=0.9, weight_decay=1e-4)
poly = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda e: (1 - e / cfg["epochs"]) ** 0.9)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)
for ep in range(cfg["epochs"]):
    net.train()
    for b in torch.randperm(400).split(cfg["bs"]):
        optimizer.zero_grad()
        main_loss = criterion(net(X[b]), Y[b])
        main_loss.backward()
        optimizer.step()
    poly.step()
    net.eval()
    with writer.evaluating("val"), torch.no_grad():
        out = net(X[400:])
        vl = criterion(out, Y[400:]).item()
    p, g = out.argmax(1), Y[400:]
    iou = [((p == k) & (g == k)).sum().item() / max(1, ((p == k) | (g == k)).sum().item()) for k in range(4)]
    acc = (p == g).float().mean().item()
    print(f"[epoch {ep}] train {main_loss.item():.4f} val {vl:.4f} pixel acc {acc:.3f} IoU", np.round(iou, 3))
writer.close()
print(f"RESULT val_loss={vl:.4f} pixel_acc={acc:.4f} mIoU={np.mean(iou):.4f} iou_bg={iou[0]:.3f}")
