# 86 / 14 clinical outcome, Poly-1 loss, TabNet-ish MLP
import sys
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tb_lossdiag import DiagWriter

form, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(1)
rng = np.random.default_rng(1)


class Poly1CrossEntropyLoss(nn.Module):
    def __init__(self, num_classes: int, epsilon: float = 1.0, reduction: str = "none", weight: Tensor = None):
        super().__init__()
        self.num_classes, self.epsilon, self.reduction, self.weight = num_classes, epsilon, reduction, weight

    def forward(self, logits, labels):
        onehot = F.one_hot(labels, num_classes=self.num_classes).to(dtype=logits.dtype)
        pt = torch.sum(onehot * F.softmax(logits, dim=-1), dim=-1)
        CE = F.cross_entropy(input=logits, target=labels, reduction="none", weight=self.weight)
        poly1 = CE + self.epsilon * (1 - pt)
        return poly1.mean() if self.reduction == "mean" else poly1


# ---- patients: vitals, labs, age, three categorical items; readmission within 30 days depends on a few of them, weakly
def cohort(n):
    age = rng.normal(62, 14, n)
    sev = rng.normal(0, 1, n)
    labs = sev[:, None] * np.array([.5, .4, -.4, .3, 0, 0, 0, 0]) + rng.normal(0, 1, (n, 8))
    cats = rng.integers(0, 4, (n, 3))
    risk = -3.55 + .55 * sev + .03 * (age - 62) + .6 * (cats[:, 0] == 2) + .9 * (labs[:, 0] > 1) * (cats[:, 1] == 0) + .5 * labs[:, 1]
    risk = risk * 1.25
    y = rng.random(n) < 1 / (1 + np.exp(-(risk + .9)))
    X = np.concatenate([(age[:, None] - 62) / 14, labs, np.eye(4)[cats].reshape(n, 12)], 1)
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y.astype(int))


X, y = cohort(6500)
Xtr, ytr, Xva, yva = X[:4620], y[:4620], X[4620:], y[4620:]
frac = ytr.float().mean().item()
print("class 0: %.1f%% of %d data points\nclass 1: %.1f%% of %d data points" % (100 - 100 * frac, len(ytr), 100 * frac, len(ytr)))

weight = None
if form == "fixed":
    weight = torch.tensor([0.5 / (1 - frac), 0.5 / frac])
net = nn.Sequential(nn.Linear(21, 48), nn.BatchNorm1d(48), nn.ReLU(), nn.Dropout(.4), nn.Linear(48, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Dropout(.4), nn.Linear(24, 2))
criterion = Poly1CrossEntropyLoss(num_classes=2, reduction="mean", weight=weight)
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-2)
writer = DiagWriter(LOGDIR)
writer.watch(net, optimizer, criterion)

for epoch in range(1, 26):
    net.train()
    tot = 0.0
    for k in torch.randperm(len(Xtr)).split(32):
        if len(k) < 2: continue
        loss = criterion(net(Xtr[k]), ytr[k])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tot += loss.item() * len(k)
    if epoch % 3 == 1:
        net.eval()
        with torch.no_grad():
            o = net(Xva)
        p = o.argmax(1)
        tp, fp, fn, tn = [((p == a) & (yva == b)).sum().item() for a, b in ((1, 1), (1, 0), (0, 1), (0, 0))]
        print("epoch %2d train loss %.4f val loss %.4f | predicted positive %d of %d true | recall %.3f f1 %.3f balanced acc %.3f acc %.3f" % (
            epoch, tot / len(Xtr), criterion(o, yva).item(), tp + fp, tp + fn, tp / (tp + fn), 2 * tp / (2 * tp + fp + fn), .5 * tp / (tp + fn) + .5 * tn / (tn + fp), (tp + tn) / len(yva)))
writer.close()
