import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.metrics import r2_score
from tb_lossdiag import DiagWriter

mode, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(2022)
rng = np.random.RandomState(2022)

# 7 process parameters -> strength
N = 2400
X = rng.uniform(-1, 1, (N, 7))
X[:, 3] = .5 * X[:, 0] + .5 * X[:, 3]
y = 2 * np.sin(2.2 * X[:, 0]) + 2.5 * X[:, 1] * X[:, 2] + 2 * np.abs(X[:, 4]) + X[:, 3] ** 2 - 2 * X[:, 5] * X[:, 6] + .5 * X[:, 6] + .4 * rng.randn(N)
X = (X - X.mean(0)) / X.std(0)
y = (y - y.mean()) / y.std()
Xt, yt = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32).view(-1, 1)
train_iter = DataLoader(TensorDataset(Xt[:1900], yt[:1900]), 64, shuffle=True)
X_test, y_test = Xt[1900:], yt[1900:]


def layer(i, o, p):
    return nn.Sequential(nn.Linear(i, o), nn.BatchNorm1d(o), nn.ReLU(), nn.Dropout(p))


class BPNet(nn.Module):
    def __init__(self, n_in, h1, h2, h3, p):
        super().__init__()
        self.layer1 = layer(n_in, h1, p)
        self.layer2 = layer(h1, h2, p)
        self.layer3 = layer(h2, h3, p)
        self.last_layer = nn.Linear(h3, 1)

    def forward(self, x):
        return self.last_layer(self.layer3(self.layer2(self.layer1(x))))


h1 = 1 if mode == "faulty" else 50
net = BPNet(7, h1, 100, 150, p=0.2)
loss_fn = nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
w = DiagWriter(logdir)
w.watch(net, opt, loss_fn)
EPOCHS = 40
sch = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS)
for ep in range(EPOCHS):
    net.train()
    tot = 0
    for xb, yb in train_iter:
        l = loss_fn(net(xb), yb)
        opt.zero_grad(); l.backward(); opt.step()
        tot += l.item() * len(xb)
    sch.step()
    with w.evaluating("test"):
        pt = net(X_test)
        lt = loss_fn(pt, y_test).item()
    if ep % 5 == 4:
        net.eval()
        with torch.no_grad():
            r2 = r2_score(yt[:1900], net(Xt[:1900]))
        print(ep, round(tot / 1900, 4), "test", round(lt, 4), "R2 train %.3f test %.3f" % (r2, r2_score(y_test, pt.detach())))
w.close()
