"""Weight normalisation with data-dependent initialisation (Salimans & Kingma 2016): first batch sets g and b so that every pre-activation
has mean 0 and variance 1. Deep MLP on two-channel vibration features, Adamax 3e-3 as in their code."""
import sys
import numpy as np, torch
from torch import nn
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(4); np.random.seed(4)

class WNLinear(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.v = nn.Parameter(torch.randn(o, i) * .05)
        self.g, self.b = nn.Parameter(torch.ones(o)), nn.Parameter(torch.zeros(o))
        self.ready = False
    def forward(self, x):
        w = self.v / self.v.norm(dim=1, keepdim=True)
        t = x @ w.T
        if not self.ready:
            with torch.no_grad():
                m, s = t.mean(0), t.std(0) + 1e-8
                self.g.copy_(1 / s); self.b.copy_(-m / s)
            self.ready = True
        return t * self.g + self.b

X, y = make_classification(6000, 30, n_informative=12, n_redundant=8, n_classes=4, n_clusters_per_class=2, class_sep=1.6, flip_y=.02, random_state=4)
X = X * np.random.lognormal(0, 1, 30) + np.random.randn(30) * 3
Xa, Xb, ya, yb = train_test_split(X, y, test_size=1200, random_state=0)
mu, sd = Xa.mean(0), Xa.std(0)
f = lambda a: torch.tensor((a - mu) / sd, dtype=torch.float32)
Xa, Xb, ya, yb = f(Xa), f(Xb), torch.tensor(ya), torch.tensor(yb)

layers = []
for i, o in [(30, 64), (64, 64), (64, 64)]:
    layers += [WNLinear(i, o), nn.ELU(), nn.Dropout(.2)]
net = nn.Sequential(*layers, WNLinear(64, 4))
with torch.no_grad(): net(Xa[torch.randperm(len(Xa))[:500]])          # the initialising pass

opt = torch.optim.Adamax(net.parameters(), lr=5e-3)
EP = 30
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda e: min(1., 2 * (1 - e / EP)))   # linear decay in the second half
loss_fn = nn.CrossEntropyLoss()
w = DiagWriter(sys.argv[1]); w.watch(net, opt, loss_fn)
for e in range(EP):
    net.train(); s = 0
    for b in torch.randperm(len(Xa)).split(100):
        l = loss_fn(net(Xa[b]), ya[b]); opt.zero_grad(); l.backward(); opt.step(); s += l.item() * len(b) / len(Xa)
    sched.step()
    with w.evaluating("val"):
        net.eval(); o = net(Xb); v = loss_fn(o, yb).item()
    if e % 5 == 4: print(e + 1, round(s, 4), round(v, 4))
w.close()
print(f"RESULT train (dropout) {s:.3f} val {v:.3f} acc {(o.argmax(1) == yb).float().mean():.3f}")
