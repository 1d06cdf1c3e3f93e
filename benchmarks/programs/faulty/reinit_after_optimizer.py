# 1-D conv net for seismic arrivals (P wave / S wave / noise). Weights are initialised "by hand" like in
# https://discuss.pytorch.org/t/why-the-model-fail-to-converge-without-a-manul-weight-initialization/50431
import sys
import math
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(6)
rng = np.random.default_rng(6)


def traces(n, length=96):
    x = np.empty((n, 1, length), np.float32)
    y = rng.integers(0, 3, n)
    t = np.arange(length)
    for k in range(n):
        noise = np.convolve(rng.normal(size=length + 8), np.ones(rng.integers(2, 6)) / 2, "same")[:length]
        s = noise * .5
        on = rng.integers(25, 60)
        if y[k] == 1:
            f, d = rng.normal(.26, .04), rng.uniform(8, 25)
        elif y[k] == 2:
            f, d = rng.normal(.11, .03), rng.uniform(12, 35)
        if y[k]:
            tail = np.where(t >= on, np.exp(-(t - on) / d), 0)
            s = s + rng.uniform(.8, 3.) * tail * np.sin(2 * np.pi * f * (t - on))
        elif rng.random() < .4:                       # a lorry
            s = s + rng.uniform(.5, 2) * np.exp(-((t - on) / 12.) ** 2) * np.sin(2 * np.pi * rng.uniform(.05, .35) * t)
        x[k, 0] = s / s.std()
    return torch.from_numpy(x), torch.from_numpy(y)


class PhaseNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv1d(1, 12, 9, padding=4)
        self.c2 = nn.Conv1d(12, 24, 7, padding=3)
        self.fc1 = nn.Linear(24 * 12, 48)
        self.fc2 = nn.Linear(48, 3)

    def forward(self, x):
        x = nn.functional.max_pool1d(torch.relu(self.c1(x)), 4)
        x = nn.functional.max_pool1d(torch.relu(self.c2(x)), 2)
        x = nn.functional.dropout(torch.relu(self.fc1(x.flatten(1))), .4, self.training)
        return self.fc2(x)


def init_weights(net):
    for m in net.modules():
        if isinstance(m, (nn.Conv1d, nn.Linear)) and m is not net.fc2:
            fan_in = m.weight[0].numel()
            m.weight = nn.Parameter(torch.randn_like(m.weight) * math.sqrt(2. / fan_in))
            m.bias = nn.Parameter(torch.zeros_like(m.bias))


xtr, ytr = traces(4000)
xva, yva = traces(800)
net = PhaseNet()
if sys.argv[1] == "faulty":
    opt = torch.optim.Adam(net.parameters(), lr=2.5e-3, weight_decay=1e-4)
    init_weights(net)
else:
    init_weights(net)
    opt = torch.optim.Adam(net.parameters(), lr=2.5e-3, weight_decay=1e-4)
sched = torch.optim.lr_scheduler.StepLR(opt, 3, .3)
ce = nn.CrossEntropyLoss()
board = DiagWriter(sys.argv[2])
board.watch(net, opt, ce)
for ep in range(7):
    net.train()
    tl = []
    for b in torch.randperm(len(xtr)).split(32):
        loss = ce(net(xtr[b]), ytr[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        tl.append(loss.item())
    sched.step()
    net.eval()
    with torch.no_grad(), board.evaluating("val"):
        o = net(xva)
        vl = ce(o, yva).item()
    acc = (o.argmax(1) == yva).float().mean().item()
    print("%d train %.4f val %.4f acc %.3f" % (ep, np.mean(tl), vl, acc))
board.close()
print("RESULT train %.4f val %.4f acc %.3f" % (np.mean(tl), vl, acc))
