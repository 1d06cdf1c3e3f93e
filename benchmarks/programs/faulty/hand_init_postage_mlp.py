"""Own linear layers, digits."""
import sys, torch, torch.nn as nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter
torch.manual_seed(5); torch.set_num_threads(1); form, logdir = sys.argv[1:3]
class Dense(nn.Module):
    def __init__(s, i, o):
        super().__init__(); s.W = nn.Parameter(torch.randn(i, o) * (1. if form == "faulty" else (1 / i) ** .5)); s.b = nn.Parameter(torch.zeros(o))
    def forward(s, x): return x @ s.W + s.b
d = load_digits(); X = torch.tensor(d.data / 16).float(); y = torch.tensor(d.target); p = torch.randperm(len(X)); X, y = X[p], y[p]
net = nn.Sequential(Dense(64, 128), nn.Tanh(), Dense(128, 128), nn.Tanh(), Dense(128, 10)); opt = torch.optim.SGD(net.parameters(), .05); ce = nn.CrossEntropyLoss()
w = DiagWriter(logdir); w.watch(net, opt, ce)
for ep in range(20):
    for b in torch.randperm(1400).split(32):
        opt.zero_grad(); ce(net(X[b]), y[b]).backward(); opt.step()
    with w.evaluating("val"): o = net(X[1400:]); v = ce(o, y[1400:])
    acc = (o.argmax(1) == y[1400:]).float().mean().item()
w.close(); print("RESULT val_acc %.4f val_loss %.4f" % (acc, v))
