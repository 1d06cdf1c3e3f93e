import sys
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(19)
MODE, LOG = sys.argv[1:]
LAMBDA = 5e-2 if MODE == 'faulty' else 4e-3

# 120 expression levels from 10 hidden pathways, four tumour subtypes
W = torch.randn(10, 120) / 10 ** .5
centres = 1.0 * torch.randn(8, 10)
def panel(n):
    c = torch.randint(0, 8, (n,))
    z = centres[c] + .75 * torch.randn(n, 10)
    x = torch.tanh(z @ W) + .8 * torch.randn(n, 120)
    return x, c % 4
Xtr, ytr = panel(4000); Xva, yva = panel(1000)
mu, sd = Xtr.mean(0), Xtr.std(0)
Xtr, Xva = (Xtr - mu) / sd, (Xva - mu) / sd
train_loader = DataLoader(TensorDataset(Xtr, ytr), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(Xva, yva), batch_size=500)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = nn.Linear(120, 64); self.l2 = nn.Linear(64, 32); self.l3 = nn.Linear(32, 4)
        self.act = nn.ELU(); self.dp = nn.Dropout(.3)
    def forward(self, x):
        return self.l3(self.act(self.l2(self.dp(self.act(self.l1(x))))))

net = Net()
opt = torch.optim.SGD(net.parameters(), lr=.02, momentum=.9)
crit = nn.CrossEntropyLoss()
w = DiagWriter(LOG)
w.watch(net, opt, crit)
for ep in range(16):
    net.train(); s = 0
    if ep == 11:
        for gr in opt.param_groups: gr['lr'] *= .1
    for x, y in train_loader:
        loss = crit(net(x), y)
        s += loss.item() * len(x) / 4000
        reg = sum((p ** 2).sum() for p in net.parameters())
        opt.zero_grad()
        (loss + LAMBDA * reg).backward()
        opt.step()
    with w.evaluating('val'):
        v = a = 0
        for x, y in val_loader:
            o = net(x); v += crit(o, y).item() / 2; a += (o.argmax(1) == y).float().mean().item() / 2
    if ep % 4 == 3: print(ep, f'{s:.4f} {v:.4f} acc {a:.3f}')
w.close()
