import os, sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

LRX = float(os.environ.get("LRX", 1))
torch.set_num_threads(1)
torch.manual_seed(31)
rng = np.random.RandomState(31)

X, y = load_digits(return_X_y=True)
X = (X.reshape(-1, 1, 8, 8) - 4.9) / 6.0
X = X + .45 * rng.randn(*X.shape)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
old, new = y < 6, y >= 6


def conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())


trunk = nn.Sequential(conv(1, 16), conv(16, 24), nn.MaxPool2d(2), conv(24, 32))

# ---- "pretrained" weights, from digits 0..5
pre = nn.Sequential(trunk, nn.Flatten(), nn.Linear(32 * 16, 6))
o = torch.optim.Adam(pre.parameters(), lr=2e-3, weight_decay=1e-4)
xo, yo = X[old], y[old]
for _ in range(5):
    for ix in torch.randperm(len(xo)).split(32):
        l = nn.functional.cross_entropy(pre(xo[ix]), yo[ix])
        o.zero_grad(); l.backward(); o.step()

# ---- fine-tune for 6..9: first two convolutions frozen, third slowly, head fast
for m in (trunk[0], trunk[1]):
    for p in m.parameters():
        p.requires_grad_(False)
net = nn.Sequential(trunk, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(.2), nn.Linear(128, 4))
xn, yn = X[new], y[new] - 6
perm = torch.tensor(rng.permutation(len(xn)))
xn, yn = xn[perm], yn[perm]
n_tr = 520
loader = DataLoader(TensorDataset(xn[:n_tr], yn[:n_tr]), batch_size=16, shuffle=True, drop_last=True)
crit = nn.CrossEntropyLoss(label_smoothing=0.1)
opt = torch.optim.SGD([{"params": trunk[3].parameters(), "lr": 4e-3 * LRX},
                       {"params": net[4].parameters(), "lr": 4e-2 * LRX}], momentum=0.9, weight_decay=1e-3)
EPOCHS = 16
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS)

w = DiagWriter(sys.argv[1])
w.watch(net, opt, crit)


def train_mode():
    net.train()
    trunk[0].eval(); trunk[1].eval()


for ep in range(EPOCHS):
    train_mode()
    s = 0
    for xb, yb in loader:
        xb = xb + .2 * torch.randn_like(xb)
        opt.zero_grad()
        loss = crit(net(xb), yb)
        loss.backward()
        opt.step()
        s += loss.item()
    sched.step()
    with w.evaluating("val"):
        out = net(xn[n_tr:])
        v = crit(out, yn[n_tr:]).item()
    print(ep, "train %.3f val %.3f acc %.3f" % (s / len(loader), v, (out.argmax(1) == yn[n_tr:]).float().mean()))
w.close()
