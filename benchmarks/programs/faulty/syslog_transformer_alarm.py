import argparse
import math
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
p = argparse.ArgumentParser()
p.add_argument("mode", choices=["faulty", "fixed"])
p.add_argument("logdir")
args = p.parse_args()
cfg = dict(lr=1.5e-2 if args.mode == "faulty" else 1e-3, d=48, heads=4, layers=2, epochs=7, bs=64)
torch.manual_seed(0)
V, L = 40, 16


def logs(n):
    """one of six incident kinds; each has its usual pairs of messages, in a fixed order"""
    y = torch.randint(0, 6, (n,))
    x = torch.randint(0, V, (n, L))
    for i in range(n):
        k = int(y[i])
        for _ in range(3):
            t = int(torch.randint(0, L - 1, (1,)))
            m = 3 * k + int(torch.randint(0, 3, (1,)))
            x[i, t], x[i, t + 1] = m, m + 20
    flip = torch.rand(n) < 0.03
    y[flip] = torch.randint(0, 6, (int(flip.sum()),))
    return x, y


class Encoder(nn.Module):
    def __init__(self, d, heads, layers):
        super().__init__()
        self.tok = nn.Embedding(V, d)
        self.pos = nn.Parameter(torch.randn(L, d) * 0.1)
        layer = nn.TransformerEncoderLayer(d, heads, 2 * d, dropout=0.1, batch_first=True)
        self.enc = nn.TransformerEncoder(layer, layers)
        self.head = nn.Linear(d, 6)

    def forward(self, x):
        h = self.tok(x) + self.pos
        return self.head(self.enc(h).mean(1))


xt, yt = logs(5000)
xv, yv = logs(1000)
train = DataLoader(TensorDataset(xt, yt), cfg["bs"], shuffle=True)
val = DataLoader(TensorDataset(xv, yv), 250)
net = Encoder(cfg["d"], cfg["heads"], cfg["layers"])
optim = torch.optim.Adam(net.parameters(), lr=cfg["lr"])
ce = nn.CrossEntropyLoss()
w = DiagWriter(args.logdir)
w.watch(net, optim, ce, train_loader=train)
for e in range(cfg["epochs"]):
    net.train()
    tl = []
    for x, y in train:
        optim.zero_grad()
        loss = ce(net(x), y)
        loss.backward()
        optim.step()
        tl.append(loss.item())
    acc, vl = 0, 0
    with w.evaluating("val"):
        for x, y in val:
            out = net(x)
            vl += ce(out, y).item() / len(val)
            acc += (out.argmax(-1) == y).float().mean().item() / len(val)
    w.add_scalar("val/accuracy", acc, e)
    print(e, round(sum(tl) / len(tl), 4), round(vl, 4), round(acc, 4))
w.close()
