# one-stage head on a resnet trunk, trained from scratch on our own drawings (no pretrained weights fit 1-channel radar pictures)
import sys
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(3)
g = np.random.default_rng(3)
FROM_SCRATCH_BUT_FROZEN = sys.argv[1] == "faulty"

def scene(n, S=32):
    """one object of 4 kinds in clutter; target: kind, cx, cy"""
    x = np.zeros((n, 1, S, S), np.float32); k = g.integers(0, 4, n); c = g.uniform(8, 24, (n, 2))
    yy, xx = np.mgrid[0:S, 0:S]
    for i in range(n):
        d = np.hypot(xx - c[i, 0], yy - c[i, 1]); u, v = xx - c[i, 0], yy - c[i, 1]
        m = [np.abs(d - 4.5) < 1, d < 4.2, (np.abs(u) < 1.2) | (np.abs(v) < 1.2), (np.abs(u - v) < 1.7) | (np.abs(u + v) < 1.7)][k[i]] & (d < 6)
        im = g.normal(0, .4, (S, S)) + 1.1 * m
        for _ in range(3):
            a, b = g.integers(0, S - 6, 2); im[a:a + g.integers(2, 6), b:b + g.integers(2, 6)] += g.uniform(-1, 1)
        x[i, 0] = im
    x /= x.std()
    return torch.from_numpy(x), torch.from_numpy(k), torch.from_numpy((c / S).astype(np.float32))

class Block(nn.Module):
    def __init__(self, i, o, s, norm):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(i, o, 3, s, 1, bias=False), norm(o)
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), norm(o)
        self.down = nn.Sequential(nn.Conv2d(i, o, 1, s, bias=False), norm(o)) if s > 1 or i != o else nn.Identity()
    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.down(x))

class Trunk(nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 8, 5, 2, 2, bias=False), norm(8)
        self.layer1 = Block(8, 8, 1, norm)
        self.layer2 = Block(8, 24, 2, norm)
        self.layer3 = Block(24, 48, 2, norm)
    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.layer3(self.layer2(self.layer1(x)))

class Detector(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        self.cls = nn.Linear(48 * 16, 4)
        self.box = nn.Linear(48 * 16, 2)
    def forward(self, x):
        f = self.backbone(x).flatten(1)
        return self.cls(f), self.box(f)

def resnet_backbone(trainable=("layer2", "layer3")):
    body = Trunk(nn.BatchNorm2d)
    for m in body.modules():
        if isinstance(m, nn.Conv2d): nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
    for name, p in body.named_parameters():
        if FROM_SCRATCH_BUT_FROZEN and all(not name.startswith(t) for t in trainable):
            p.requires_grad_(False)
    return body

model = Detector(resnet_backbone())
params = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.SGD(params, lr=0.001, momentum=0.9, weight_decay=5e-4)
EPOCHS, B = 12, 32
train, val = scene(3000), scene(400)
sched = torch.optim.lr_scheduler.MultiStepLR(optimizer, [8, 11], 0.1)

def losses(out, k, c):
    return F.cross_entropy(out[0], k) + 10 * F.smooth_l1_loss(out[1], c)

log = DiagWriter(sys.argv[2])
log.watch(model, optimizer, losses)
for e in range(EPOCHS):
    model.train(); perm = torch.randperm(len(train[0])); s = 0
    for i in range(0, len(perm), B):
        x, k, c = [t[perm[i:i + B]] for t in train]
        loss = losses(model(x), k, c)
        optimizer.zero_grad(); loss.backward(); optimizer.step(); s += loss.item() * len(x)
    sched.step()
    with log.evaluating("val"):
        out = model(val[0])
        v = log.loss_fn(out, val[1], val[2]).item()
    hit = ((out[0].argmax(1) == val[1]) & ((out[1] - val[2]).norm(dim=1) < 0.08)).float().mean().item()
    print(f"[{e}] train {s / len(perm):.3f} val {v:.3f} hits {hit:.3f}")
log.close()
print(f"RESULT train loss {s / len(perm):.3f} val loss {v:.3f} right kind and place {hit:.3f}")
