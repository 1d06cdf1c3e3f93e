"""DAWNBench-like ResNet-9 recipe shrunk to sklearn's digits: one-cycle SGD, mixup, label smoothing, random shifts + cutout."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)
np.random.seed(42)

EPOCHS, BS, MAX_LR, WD = 24, 64, 0.12, 5e-4


def conv_bn(cin, cout, pool=False):
    layers = [nn.Conv2d(cin, cout, 3, padding=1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(inplace=True)]
    if pool:
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


class Residual(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.body = nn.Sequential(conv_bn(c, c), conv_bn(c, c))

    def forward(self, x):
        return x + F.relu(self.body(x))


class ResNet9(nn.Module):
    def __init__(self, w=12, n=10):
        super().__init__()
        self.prep = conv_bn(1, w)
        self.l1 = nn.Sequential(conv_bn(w, 2 * w, pool=True), Residual(2 * w))
        self.l2 = conv_bn(2 * w, 3 * w)
        self.l3 = nn.Sequential(conv_bn(3 * w, 4 * w, pool=True), Residual(4 * w))
        self.head = nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4 * w, n, bias=False))

    def forward(self, x):
        return self.head(self.l3(self.l2(self.l1(self.prep(x))))) * 0.25


def augment(x):
    b = x.size(0)
    xp = F.pad(x, (1, 1, 1, 1))
    out = torch.empty_like(x)
    for i in range(b):
        dy, dx = np.random.randint(0, 3, 2)
        out[i] = xp[i, :, dy:dy + 8, dx:dx + 8]
        cy, cx = np.random.randint(0, 7, 2)
        out[i, :, cy:cy + 2, cx:cx + 2] = 0
    return out


X, y = load_digits(return_X_y=True)
X = (X.reshape(-1, 1, 8, 8) / 16.0).astype("float32")
Xtr, Xva, ytr, yva = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
mu, sd = Xtr.mean(), Xtr.std()
tr = TensorDataset(torch.tensor((Xtr - mu) / sd), torch.tensor(ytr))
va = TensorDataset(torch.tensor((Xva - mu) / sd), torch.tensor(yva))
train_dl = DataLoader(tr, BS, shuffle=True, drop_last=True)
val_dl = DataLoader(va, 256)

net = ResNet9()
crit = nn.CrossEntropyLoss(label_smoothing=0.1)
opt = torch.optim.SGD(net.parameters(), lr=MAX_LR, momentum=0.9, nesterov=True, weight_decay=WD)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, MAX_LR, epochs=EPOCHS, steps_per_epoch=len(train_dl), pct_start=0.25)

writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, crit, train_loader=train_dl)

for ep in range(EPOCHS):
    net.train()
    tot = 0.0
    for xb, yb in train_dl:
        xb = augment(xb)
        lam = float(np.random.beta(0.4, 0.4))
        perm = torch.randperm(len(xb))
        logits = net(lam * xb + (1 - lam) * xb[perm])
        loss = lam * crit(logits, yb) + (1 - lam) * crit(logits, yb[perm])
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        tot += loss.item()
    vl, ok = 0.0, 0
    with writer.evaluating("val"):
        for xb, yb in val_dl:
            p = net(xb)
            vl += crit(p, yb).item() * len(xb)
            ok += (p.argmax(1) == yb).sum().item()
    print(f"{ep:2d} train {tot / len(train_dl):.3f} val {vl / len(va):.3f} acc {ok / len(va):.4f}")
writer.close()
