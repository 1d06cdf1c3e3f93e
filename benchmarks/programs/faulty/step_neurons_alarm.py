# my own McCulloch-Pitts style network: neurons fire or do not fire
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)
rs = np.random.RandomState(42)
FAULTY = sys.argv[1] == 'faulty'

# boiler room: 10 readings -> alarm level 0 (ok), 1 (watch), 2 (shut down)
n = 4000
z = rs.normal(size=(n, 3))
mix = rs.normal(size=(3, 10))
x = z @ mix * .6 + rs.normal(size=(n, 10)) * .6
s = np.abs(x[:, 0] + .5 * x[:, 3]) + x[:, 1] * x[:, 2] - .7 * np.sin(2 * x[:, 4]) + .5 * np.maximum(x[:, 5], x[:, 6])
s = s + rs.normal(size=n) * .25
y = np.digitize(s, np.quantile(s, [.45, .8]))
x = (x - x[:3000].mean(0)) / x[:3000].std(0)
X = torch.tensor(x, dtype=torch.float32); Y = torch.tensor(y)
Xtr, Ytr, Xva, Yva = X[:3000], Y[:3000], X[3000:], Y[3000:]


def fire(v):
    if FAULTY:
        return (v > 0).float()
    return torch.sigmoid(v)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.hidden1 = nn.Linear(10, 32)
        self.hidden2 = nn.Linear(32, 24)
        self.out = nn.Linear(24, 3)

    def forward(self, x):
        x = fire(self.hidden1(x))
        x = fire(self.hidden2(x))
        return self.out(x)


net = Net()
print(net)
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, F.cross_entropy)

EPOCHS, BATCH = 25, 50
for ep in range(EPOCHS):
    perm = torch.randperm(len(Xtr))
    ls = 0
    for k in range(0, len(Xtr), BATCH):
        j = perm[k:k + BATCH]
        out = net(Xtr[j])
        loss = writer.loss_fn(out, Ytr[j])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ls += loss.item() * len(j)
    with torch.no_grad(), writer.evaluating("val"):
        o = net(Xva)
        vl = writer.loss_fn(o, Yva).item()
        va = (o.argmax(1) == Yva).float().mean().item()
    if (ep + 1) % 5 == 0:
        print('[%d] loss: %.3f  val loss: %.3f  val acc: %.3f' % (ep + 1, ls / len(Xtr), vl, va))
writer.close()
print(f'RESULT train {ls / len(Xtr):.4f} val_loss {vl:.4f} val_acc {va:.3f}')
