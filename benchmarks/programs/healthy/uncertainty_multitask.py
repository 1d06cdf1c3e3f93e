import sys
import math
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_linnerud, make_regression
from tb_lossdiag import DiagWriter

torch.manual_seed(0)
np.random.seed(0)
torch.set_num_threads(1)


def gen_data(N):
    X = np.random.randn(N, 3)
    h = np.tanh(X @ np.array([[1., -.5], [.3, .8], [-.6, .4]]))
    y1 = h[:, :1] + .5 * h[:, 1:] ** 2 + .03 * np.random.randn(N, 1)
    y2 = h[:, 1:] - .5 * h[:, :1] * h[:, 1:] + .3 * np.random.randn(N, 1)
    return [torch.tensor(a, dtype=torch.float32) for a in (X, y1, y2)]


class SharedNet(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.head1, self.head2 = nn.Linear(hidden, 1), nn.Linear(hidden, 1)

    def forward(self, x):
        h = self.body(x)
        return self.head1(h), self.head2(h)


class MultiTaskLossWrapper(nn.Module):
    def __init__(self, task_num, model):
        super().__init__()
        self.model = model
        self.log_vars = nn.Parameter(torch.zeros(task_num))

    def forward(self, x, *targets):
        loss = 0
        for i, (o, t) in enumerate(zip(self.model(x), targets)):
            loss = loss + .5 * torch.exp(-self.log_vars[i]) * (o - t) ** 2 + .5 * self.log_vars[i]
        return loss.mean()


X, Y1, Y2 = gen_data(3000)
VX, V1, V2 = gen_data(1000)
mtl = MultiTaskLossWrapper(2, SharedNet())
nb_epoch, bs = 60, 100
optimizer = torch.optim.Adam(mtl.parameters(), lr=1.2e-2)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, nb_epoch)
writer = DiagWriter(sys.argv[1])
writer.watch(mtl, optimizer)
for e in range(nb_epoch):
    mtl.train()
    perm, run = torch.randperm(len(X)), 0
    for b in perm.split(bs):
        loss = mtl(X[b], Y1[b], Y2[b])
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run += loss.item()
    scheduler.step()
    with torch.no_grad():
        mtl.eval()
        with writer.evaluating("val"):
            v = mtl(VX, V1, V2)
            writer.add_loss("val", v)
    if e % 10 == 9:
        print(e + 1, 'loss %.4f  val %.4f  stds' % (run / 30, v.item()), [round(math.exp(s / 2), 4) for s in mtl.log_vars.tolist()])
writer.close()
