import sys, math
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(7)
rs = np.random.RandomState(7)


class CausalBlock(nn.Module):
    def __init__(self, ch, dil):
        super().__init__()
        self.pad = 2 * dil
        self.conv = nn.Conv1d(ch, ch, 3, dilation=dil)
        self.mix = nn.Conv1d(ch, ch, 1)

    def forward(self, x):
        return x + self.mix(torch.relu(self.conv(F.pad(x, (self.pad, 0)))))


class TCN(nn.Module):
    def __init__(self, ch=24):
        super().__init__()
        self.inp = nn.Conv1d(2, ch, 1)
        self.blocks = nn.Sequential(*[CausalBlock(ch, d) for d in (1, 2, 4, 8)])
        self.out = nn.Linear(ch, 1)

    def forward(self, x):
        return self.out(self.blocks(self.inp(x))[:, :, -1]).squeeze(1)


# hourly water level: M2 + K1 tides, surge driven by wind, gauge noise
T = 5200
t = np.arange(T)
wind = np.zeros(T); surge = np.zeros(T)
for i in range(1, T):
    wind[i] = .95 * wind[i - 1] + .3 * rs.randn()
    surge[i] = .9 * surge[i - 1] + .25 * np.tanh(1.5 * wind[i - 1]) * abs(wind[i - 1])
level = 1.2 * np.sin(2 * np.pi * t / 12.42) + .5 * np.sin(2 * np.pi * t / 23.93 + 1) + surge + .1 * rs.randn(T)
level = (level - level.mean()) / level.std()
wind = wind / wind.std()
S = np.stack([level, wind]).astype("float32")
W, H = 32, 3
idx = np.arange(W, T - H)
X = torch.tensor(np.stack([S[:, i - W:i] for i in idx]))
Y = torch.tensor(level[idx + H - 1].astype("float32"))
n = 4000
Xt, Yt, Xv, Yv = X[:n], Y[:n], X[n:], Y[n:]

net = TCN()
opt = torch.optim.SGD(net.parameters(), lr=0.04, momentum=0.9)
EPOCHS, B = 9, 16
steps = EPOCHS * math.ceil(n / B)
if sys.argv[1] == "fixed":
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda k: 0.5 * (1 + math.cos(math.pi * min(k / steps, 1))))
else:
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda k: 1.0)
loss_fn = nn.MSELoss()
w = DiagWriter(sys.argv[2])
w.watch(net, opt, loss_fn)
for ep in range(EPOCHS):
    net.train(); acc = 0.
    for b in torch.randperm(n).split(B):
        loss = loss_fn(net(Xt[b]), Yt[b])
        opt.zero_grad()
        loss.backward()
        opt.step(); sched.step()
        acc += loss.item() * len(b)
    net.eval()
    with torch.no_grad():
        v = sum(loss_fn(net(a), c).item() * len(c) for a, c in zip(Xv.split(256), Yv.split(256))) / len(Yv)
    print(f"{ep:2d} train {acc / n:.4f} val {v:.4f}")
w.close()
