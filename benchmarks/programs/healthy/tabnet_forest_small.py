"""A small TabNet (Arik & Pfister): sequential attention with sparsemax masks, ghost batch norm, GLU blocks scaled by sqrt(.5),
sparsity regularisation; Adam lr 0.02 with decay .9 as in pytorch-tabnet. Raw cartographic columns, the first BatchNorm scales them."""
import sys, math
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(54)
rng = np.random.default_rng(54)


def forest(n):
    elev = rng.normal(2950, 280, n)
    aspect, slope = rng.uniform(0, 360, n), rng.gamma(3.5, 4, n)
    hydro, road, fire = rng.gamma(1.6, 170, n), rng.gamma(2, 1150, n), rng.gamma(2, 980, n)
    shade = 212 - 1.2 * slope * np.cos(np.radians(aspect - 40)) + rng.normal(0, 9, n)
    wild, soil = rng.integers(0, 4, n), rng.integers(0, 6, n)
    e = (elev - 2950) / 280 + .12 * (wild - 1.5) + .15 * np.sin(np.radians(aspect)) - .0006 * (hydro - 270)
    s = np.stack([-1.1 * (e - .9) ** 2, -1.1 * (e - .1) ** 2 + .3 * (soil == 2) + .00015 * (road - 2300), -1.3 * (e + 1.1) ** 2 + .9 * (soil < 2),
                  -1.6 * (e + 1.2) ** 2 + .9 * (wild == 3) - .002 * (hydro - 270), -1.5 * (e - 1.7) ** 2 + .6 + .3 * (soil == 5)], 1) * 2.6
    y = (s + rng.gumbel(0, 1, s.shape)).argmax(1)
    X = np.c_[elev, aspect, slope, hydro, road, fire, shade, np.eye(4)[wild], np.eye(6)[soil]]
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y), torch.tensor(s, dtype=torch.float32)


def sparsemax(z):
    s, _ = torch.sort(z, 1, descending=True)
    k = torch.arange(1, z.size(1) + 1)
    cs = s.cumsum(1) - 1
    support = (k * s > cs).sum(1, keepdim=True)
    return torch.clamp(z - cs.gather(1, support - 1) / support, min=0)


class GBN(nn.Module):
    def __init__(self, d, vbs=64, momentum=.1):
        super().__init__()
        self.bn, self.vbs = nn.BatchNorm1d(d, momentum=momentum), vbs

    def forward(self, x):
        if not self.training:
            return self.bn(x)
        return torch.cat([self.bn(c) for c in x.chunk(math.ceil(len(x) / self.vbs))])


class GLU(nn.Module):
    def __init__(self, fc, o):
        super().__init__()
        self.fc, self.bn, self.o = fc, GBN(2 * o), o

    def forward(self, x):
        x = self.bn(self.fc(x))
        return x[:, :self.o] * torch.sigmoid(x[:, self.o:])


class FeatTransformer(nn.Module):
    def __init__(self, shared, d):
        super().__init__()
        self.a, self.b = GLU(shared, d), GLU(nn.Linear(d, 2 * d, bias=False), d)

    def forward(self, x):
        x = self.a(x)
        return (x + self.b(x)) * math.sqrt(.5)


class TabNet(nn.Module):
    def __init__(self, n_in, n_out, nd=8, na=8, steps=3, gamma=1.3):
        super().__init__()
        self.bn = nn.BatchNorm1d(n_in, momentum=.05)
        shared = nn.Linear(n_in, 2 * (nd + na), bias=False)
        self.nd, self.gamma = nd, gamma
        self.initial = FeatTransformer(shared, nd + na)
        self.ft = nn.ModuleList(FeatTransformer(shared, nd + na) for _ in range(steps))
        self.att = nn.ModuleList(nn.Sequential(nn.Linear(na, n_in, bias=False), GBN(n_in)) for _ in range(steps))
        self.out = nn.Linear(nd, n_out, bias=False)

    def forward(self, x):
        x = self.bn(x)
        prior, reg, agg = torch.ones_like(x), 0, 0
        a = self.initial(x)[:, self.nd:]
        for ft, att in zip(self.ft, self.att):
            M = sparsemax(att(a) * prior)
            reg = reg + (M * torch.log(M + 1e-15)).sum(1).mean() / len(self.ft)
            prior = prior * (self.gamma - M)
            o = ft(M * x)
            agg = agg + torch.relu(o[:, :self.nd])
            a = o[:, self.nd:]
        return self.out(agg), reg


class TabNetLoss(nn.Module):
    def __init__(self, lambda_sparse=1e-3):
        super().__init__()
        self.ce, self.l = nn.CrossEntropyLoss(), lambda_sparse

    def forward(self, output, y):
        return self.ce(output[0], y) - self.l * output[1]


X, y, _ = forest(9000)
Xv, yv, sv = forest(2500)
net = TabNet(X.shape[1], 5)
crit = TabNetLoss()
opt = torch.optim.Adam(net.parameters(), lr=2e-2)
sch = torch.optim.lr_scheduler.StepLR(opt, 2, .7)
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, crit)
max_epochs = 14
for ep in range(max_epochs):
    net.train()
    run = []
    for b in torch.randperm(len(X)).split(256)[:-1]:
        loss = crit(net(X[b]), y[b])
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.)
        opt.step()
        run.append(loss.item())
    sch.step()
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        o = net(Xv)
        v = crit(o, yv).item()
    acc = (o[0].argmax(1) == yv).float().mean().item()
    print(f'epoch {ep:3d} | loss: {np.mean(run):.4f} | val: {v:.4f} | acc {acc:.4f}')
writer.close()
print(f'RESULT train={np.mean(run):.4f} val_loss={v:.4f} val_acc={acc:.4f} bayes_loss={nn.functional.cross_entropy(sv, yv).item():.4f} bayes_acc={(sv.argmax(1) == yv).float().mean():.4f}')
