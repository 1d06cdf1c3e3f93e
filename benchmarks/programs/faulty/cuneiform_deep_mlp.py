import sys, torch, torch.nn as nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter
torch.manual_seed(0); torch.set_num_threads(1); form, logdir = sys.argv[1:3]
act = nn.Sigmoid if form == "faulty" else nn.ReLU
d = load_digits(); X = torch.tensor(d.data / 16).float(); y = torch.tensor(d.target); p = torch.randperm(len(X)); X, y = X[p], y[p]
layers = [nn.Linear(64, 64), act()]
for _ in range(6): layers += [nn.Linear(64, 64), act()]
net = nn.Sequential(*layers, nn.Linear(64, 10)); opt = torch.optim.SGD(net.parameters(), lr=.05, momentum=.9); ce = nn.CrossEntropyLoss()
w = DiagWriter(logdir); w.watch(net, opt, ce)
for ep in range(25):
    for b in torch.randperm(1400).split(32):
        opt.zero_grad(); ce(net(X[b]), y[b]).backward(); opt.step()
    with w.evaluating("val"): o = net(X[1400:]); l = ce(o, y[1400:])
    acc = (o.argmax(1) == y[1400:]).float().mean().item()
w.close(); print("RESULT val_acc %.4f val_loss %.4f" % (acc, l))
