import argparse
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

p = argparse.ArgumentParser()
p.add_argument("form")
p.add_argument("logdir")
p.add_argument("--epochs", type=int, default=15)
p.add_argument("--bs", type=int, default=40)
opt = p.parse_args()
torch.set_num_threads(1)
torch.manual_seed(11)
rng = np.random.default_rng(11)

CH, T, G = 8, 64, 5


def emg(n):
    """8 electrodes around the forearm, 5 gestures = 5 activation patterns (overlapping), amplitude differs by repetition"""
    pattern = np.array([[1, .8, .3, .2, .1, .1, .3, .6], [.3, .9, .9, .4, .2, .1, .1, .2], [.1, .2, .5, 1, .8, .3, .2, .1],
                        [.2, .1, .1, .4, .8, 1, .6, .3], [.6, .3, .2, .2, .3, .6, .9, .9]])
    y = rng.integers(0, G, n)
    amp = pattern[y] * np.exp(.45 * rng.standard_normal((n, CH))) * np.exp(.4 * rng.standard_normal((n, 1)))
    burst = 1 + .6 * np.sin(np.linspace(0, 2 * np.pi, T)[None, :] * rng.uniform(.5, 2, (n, 1)) + rng.uniform(0, 6, (n, 1)))
    x = rng.standard_normal((n, CH, T))
    x[:, :, 1:] -= .6 * x[:, :, :-1]
    x = x * amp[:, :, None] * burst[:, None, :] + .25 * rng.standard_normal((n, CH, T))
    return torch.tensor(np.abs(x) - .6).float(), torch.tensor(y)


class GestureNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(CH, 24, 5, padding=2), nn.BatchNorm1d(24), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(24, 32, 5, padding=2), nn.BatchNorm1d(32), nn.ReLU(), nn.AdaptiveAvgPool1d(1))
        self.drop = nn.Dropout(.2)
        self.head = nn.Linear(32, G)

    def forward(self, x):
        return self.head(self.drop(self.features(x).flatten(1)))


xtr, ytr = emg(2000)
xva, yva = emg(500)
net = GestureNet()
lossf = nn.CrossEntropyLoss()
optim = torch.optim.SGD(net.parameters(), lr=.02, momentum=.9, weight_decay=1e-4)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optim, opt.epochs)
writer = DiagWriter(opt.logdir)
writer.watch(net, optim, lossf)

for ep in range(opt.epochs):
    net.train()
    idx = torch.randperm(len(xtr))
    run = 0
    for i in range(0, len(idx), opt.bs):
        b = idx[i:i + opt.bs]
        if opt.form == "fixed":
            optim.zero_grad()
        loss = lossf(net(xtr[b]), ytr[b])
        loss.backward()
        optim.step()
        run += loss.item()
    sched.step()
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = net(xva)
        vl = lossf(out, yva).item()
    acc = (out.argmax(1) == yva).float().mean().item()
    print(f"[{ep:02d}] train {run / (len(idx) / opt.bs):.3f} val {vl:.3f} acc {acc:.3f}")
writer.close()
print(f"RESULT val loss {vl:.4f} accuracy {acc:.4f}")
