import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(4); np.random.seed(4)
BN_MOMENTUM = 0.003 if sys.argv[1] == "faulty" else 0.1

ACTIVITIES = ["walk", "run", "stairs", "cycle", "sit"]
def windows(n):
    t = np.arange(64) / 25.
    X = np.zeros((n, 3, 64), "float32"); y = np.random.randint(0, 5, n)
    for i, a in enumerate(y):
        f = [1.8, 2.6, 1.5, 1.3, .3][a] * (1 + .15 * np.random.randn())
        amp = [1., 1.8, .9, .8, .25][a] * np.exp(.35 * np.random.randn())
        har = [.5, .7, .8, .15, .3][a] * np.random.rand(3)
        ph = 6.28 * np.random.rand()
        tilt = .4 * np.random.randn(3) + [0, 0, 1]
        for c in range(3):
            X[i, c] = amp * [.5, .4, 1][c] * (np.sin(6.283 * f * t + ph + c) + har[c] * np.sin(12.57 * f * t + 2 * ph)) + tilt[c]
        X[i] += .5 * np.random.randn(3, 64)
    return torch.tensor(X), torch.tensor(y)

class ConvBN(nn.Sequential):
    def __init__(self, i, o, k, s):
        super().__init__(nn.Conv1d(i, o, k, stride=s, padding=k // 2, bias=False),
                         nn.BatchNorm1d(o, momentum=BN_MOMENTUM, eps=1e-3), nn.ReLU())

net = nn.Sequential(ConvBN(3, 24, 7, 2), ConvBN(24, 32, 5, 2), ConvBN(32, 48, 3, 2), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(48, 5))
Xt, yt = windows(2500); Xv, yv = windows(700)
m, s = Xt.mean((0, 2), keepdim=True), Xt.std((0, 2), keepdim=True)
tr = DataLoader(TensorDataset((Xt - m) / s, yt), 64, shuffle=True)
va = DataLoader(TensorDataset((Xv - m) / s, yv), 128)
opt = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=.02)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 8)
ce = nn.CrossEntropyLoss(label_smoothing=.05)
w = DiagWriter(sys.argv[2])
w.watch(net, opt, ce)
for ep in range(8):
    net.train(); L = []
    for x, y in tr:
        opt.zero_grad(); l = ce(net(x), y); l.backward(); opt.step(); L.append(l.item())
    sched.step()
    ok = 0; V = []
    with w.evaluating("val"):
        for x, y in va:
            o = net(x); V.append(ce(o, y).item()); ok += (o.argmax(1) == y).sum().item()
    print(ep, "train %.3f val %.3f acc %.3f" % (np.mean(L), np.mean(V), ok / len(yv)))
w.close()
