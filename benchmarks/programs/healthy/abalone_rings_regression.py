"""Age of abalone (rings) from shell measures; the noise in the rings sets the floor (R2 a bit above 0.5, as on the real table)."""
import sys
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def make_table(n=4177, seed=0):
    r = np.random.RandomState(seed)
    age = np.clip(r.gamma(9, 1.25, n), 2, 28)
    sex = np.where(age < 8, r.choice(3, n, p=[.12, .13, .75]), r.choice(3, n, p=[.42, .46, .12]))
    size = (1 - np.exp(-age / 6.5)) * r.normal(1, .1, n)
    length = .66 * size * r.normal(1, .02, n)
    diam = .8 * length * r.normal(1, .03, n)
    height = .27 * length * r.normal(1, .1, n)
    whole = 4.0 * length ** 3 * r.normal(1, .07, n)
    shucked = .44 * whole * r.normal(1, .09, n)
    viscera = .22 * whole * r.normal(1, .11, n)
    shell = .27 * whole * (1 + .02 * (age - 11)) * r.normal(1, .06, n)
    x = np.c_[np.eye(3)[sex], length, diam, height, whole, shucked, viscera, shell]
    return x.astype(np.float32), np.round(age + r.normal(0, .8, n)).astype(np.float32)


def main(argv):
    torch.manual_seed(0)
    x, y = make_table()
    perm = np.random.RandomState(1).permutation(len(x))
    tr, te = perm[:3300], perm[3300:]
    x[:, 3:] = (x[:, 3:] - x[tr, 3:].mean(0)) / x[tr, 3:].std(0)
    y = (y - y[tr].mean()) / y[tr].std()
    x, y = torch.from_numpy(x), torch.from_numpy(y).unsqueeze(1)
    net = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 1))
    opt = torch.optim.SGD(net.parameters(), lr=.03, momentum=.9, weight_decay=1e-4)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 25)
    w = DiagWriter(argv[1])
    w.watch(net, opt, F.mse_loss)
    for ep in range(25):
        s = 0.
        for b in torch.from_numpy(np.random.RandomState(ep).permutation(tr)).split(64):
            loss = F.mse_loss(net(x[b]), y[b])
            opt.zero_grad()
            loss.backward()
            opt.step()
            s += loss.item() * len(b) / len(tr)
        sched.step()
        with w.evaluating('test'):
            t = F.mse_loss(net(x[te]), y[te]).item()
        print(ep, round(s, 4), round(t, 4))
    w.close()
    A = np.c_[x[tr], np.ones(len(tr))]
    coef = np.linalg.lstsq(A, y[tr].numpy(), rcond=None)[0]
    lin = float(((np.c_[x[te], np.ones(len(te))] @ coef - y[te].numpy()) ** 2).mean())
    print(f'RESULT train={s:.4f} test={t:.4f} linear={lin:.4f}')


main(sys.argv)
