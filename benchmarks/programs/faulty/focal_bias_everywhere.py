# tiny anchor-free detector (centre map, focal loss); weight init with the RetinaNet prior
import sys, math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


def scene(n, seed):
    r = np.random.default_rng(seed)
    yy, xx = np.mgrid[0:24, 0:24]
    X = 0.25 * r.normal(size=(n, 1, 24, 24)); Y = np.zeros((n, 2, 24, 24))
    for i in range(n):
        for _ in range(r.integers(1, 4)):
            c, cy, cx = r.integers(0, 2), r.integers(3, 21), r.integers(3, 21)
            d = np.hypot(yy - cy, xx - cx)
            X[i, 0] += (d < 3) * 1.0 if c else (np.maximum(abs(yy - cy), abs(xx - cx)) == 2) * 1.2
            Y[i, c, cy, cx] = 1
    return torch.tensor(X).float(), torch.tensor(Y).float()


class Head(nn.Module):
    def __init__(self, ch=24, prior=0.01):
        super().__init__()
        self.tower = nn.Sequential(nn.Conv2d(1, ch, 3, padding=1), nn.ReLU(), nn.Conv2d(ch, ch, 3, padding=1), nn.ReLU(),
                                   nn.Conv2d(ch, ch, 3, padding=1), nn.ReLU())
        self.cls_logits = nn.Conv2d(ch, 2, 3, padding=1)
        bias_value = -math.log((1 - prior) / prior)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight)
                if sys.argv[1] == "faulty":
                    nn.init.constant_(m.bias, bias_value)
                else:
                    nn.init.constant_(m.bias, 0)
        if sys.argv[1] == "fixed":
            nn.init.constant_(self.cls_logits.bias, bias_value)
        nn.init.normal_(self.cls_logits.weight, std=0.01)

    def forward(self, x):
        return self.cls_logits(self.tower(x))


class FocalLoss(nn.Module):
    def __init__(self, alpha=0.75, gamma=2.0):
        super().__init__()
        self.alpha, self.gamma = alpha, gamma

    def forward(self, logits, target):
        ce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        p = torch.sigmoid(logits)
        pt = p * target + (1 - p) * (1 - target)
        at = self.alpha * target + (1 - self.alpha) * (1 - target)
        return (at * (1 - pt) ** self.gamma * ce).sum() / target.sum().clamp(min=1)


Xtr, Ytr = scene(900, 0)
Xva, Yva = scene(200, 1)
model, criterion = Head(), FocalLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(12):
    for i in torch.randperm(len(Xtr)).split(16):
        loss = criterion(model(Xtr[i]), Ytr[i])
        optimizer.zero_grad(); loss.backward(); optimizer.step()
    with writer.evaluating("val"):
        v = np.mean([criterion(model(a), b).item() for a, b in zip(Xva.split(50), Yva.split(50))])
    print(f"epoch {epoch} train {loss.item():.4f} val {v:.4f}")
writer.close()
print(f"RESULT val focal loss {v:.4f}")
