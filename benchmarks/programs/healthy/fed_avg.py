import sys
import copy
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.manual_seed(0)
np.random.seed(0)
torch.set_num_threads(1)


class MLP(nn.Module):
    def __init__(self, dim_in=64, dim_hidden=100, dim_out=10):
        super().__init__()
        self.layer_input, self.layer_hidden = nn.Linear(dim_in, dim_hidden), nn.Linear(dim_hidden, dim_out)
        self.dropout = nn.Dropout(0.2)

    def forward(self, x):
        return self.layer_hidden(F.relu(self.dropout(self.layer_input(x))))


d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32)
X = (X - X.mean()) / X.std()
Y = torch.tensor(d.target)
p = torch.randperm(len(X))
X, Y = X[p], Y[p]
Xte, Yte = X[1400:], Y[1400:]

# 10 clients, shards of about 4 classes each
order = torch.argsort(Y[:1400], stable=True)
shards = order.view(40, 35)[torch.randperm(40)]
clients = [shards[4 * k:4 * k + 4].flatten() for k in range(10)]

net = MLP()
opt = torch.optim.SGD(net.parameters(), lr=0.2, momentum=0.5)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt)
glob = copy.deepcopy(net.state_dict())
for rnd in range(40):
    new, losses = None, []
    for c in np.random.choice(10, 5, replace=False):
        net.load_state_dict(glob)
        opt.state.clear()
        net.train()
        for _ in range(2):
            for b in clients[c][torch.randperm(140)].split(20):
                opt.zero_grad()
                loss = F.cross_entropy(net(X[b]), Y[b])
                writer.add_loss("train", loss)
                loss.backward()
                opt.step()
                losses.append(loss.item())
        w = net.state_dict()
        new = {k: v.clone() / 5 for k, v in w.items()} if new is None else {k: new[k] + w[k] / 5 for k in w}
    glob = new
    net.load_state_dict(glob)
    for g in opt.param_groups:
        g['lr'] = 0.2 * 0.97 ** (rnd + 1)
    net.eval()
    with torch.no_grad(), writer.evaluating("test"):
        out = net(Xte)
        v = F.cross_entropy(out, Yte)
        writer.add_loss("test", v)
    if rnd % 8 == 7:
        print('Round {:3d}, Average loss {:.3f} test {:.3f} acc {:.3f}'.format(rnd, np.mean(losses), v.item(), (out.argmax(1) == Yte).float().mean().item()))
writer.close()
