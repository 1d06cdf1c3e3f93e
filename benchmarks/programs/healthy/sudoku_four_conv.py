"""4x4 sudoku with a small residual conv net: one-hot clues in, a digit for every cell out (simulated puzzles, all
288 grids x random clues; a puzzle may have several solutions, so some loss must remain)."""
import argparse, itertools
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter


def all_grids():
    rows = list(itertools.permutations(range(4)))
    out = []
    for a, b, c, d in itertools.product(rows, repeat=4):
        if len({a[0], a[1], b[0], b[1]}) < 4 or len({a[2], a[3], b[2], b[3]}) < 4:
            continue
        if len({c[0], c[1], d[0], d[1]}) < 4 or any(len({a[i], b[i], c[i], d[i]}) < 4 for i in range(4)):
            continue
        out.append((a, b, c, d))
    return torch.tensor(out)


def puzzles(grids, n):
    g = grids[torch.randint(len(grids), (n,))]
    clue = torch.rand(n, 4, 4) < torch.empty(n, 1, 1).uniform_(0.3, 0.7)
    x = nn.functional.one_hot(g, 4).permute(0, 3, 1, 2).float() * clue[:, None]
    target = torch.where(clue, torch.full_like(g, -100), g)     # only empty cells count
    return x, target


class Net(nn.Module):
    def __init__(self, c=48):
        super().__init__()
        self.inp = nn.Conv2d(4, c, 1)
        self.row = nn.ModuleList(nn.Conv2d(c, c, (1, 4)) for _ in range(3))
        self.col = nn.ModuleList(nn.Conv2d(c, c, (4, 1)) for _ in range(3))
        self.box = nn.ModuleList(nn.Conv2d(c, c, 2, stride=2) for _ in range(3))
        self.mix = nn.ModuleList(nn.Conv2d(4 * c, c, 1) for _ in range(3))
        self.norm = nn.ModuleList(nn.BatchNorm2d(c) for _ in range(3))
        self.out = nn.Conv2d(c, 4, 1)

    def forward(self, x):
        h = self.inp(x)
        for r, c, b, m, n in zip(self.row, self.col, self.box, self.mix, self.norm):
            rr = r(h).expand(-1, -1, -1, 4)
            cc = c(h).expand(-1, -1, 4, -1)
            bb = b(h).repeat_interleave(2, 2).repeat_interleave(2, 3)
            h = h + torch.relu(n(m(torch.cat([h, rr, cc, bb], 1))))
        return self.out(h)


def exact(grids, x, t):
    """cross entropy of the exact posterior over all grids that agree with the clues"""
    oh = nn.functional.one_hot(grids, 4).permute(0, 3, 1, 2).float()
    clash = x.sum((1, 2, 3))[:, None] - torch.einsum("ncij,gcij->ng", x, oh)
    fit = (clash < 0.5).float()
    post = torch.einsum("ng,gcij->ncij", fit / fit.sum(1, keepdim=True), oh)
    return nn.functional.nll_loss(post.clamp(min=1e-9).log(), t).item()


p = argparse.ArgumentParser()
p.add_argument("logdir")
p.add_argument("--steps", type=int, default=900)
p.add_argument("--lr", type=float, default=3e-3)
a = p.parse_args()
torch.manual_seed(17)
torch.set_num_threads(1)
G = all_grids()
G = G[torch.randperm(len(G))]
train_g, test_g = G[:230], G[230:]
vx, vt = puzzles(test_g, 2000)
net = Net()
opt = torch.optim.Adam(net.parameters(), lr=a.lr)
sch = torch.optim.lr_scheduler.CosineAnnealingLR(opt, a.steps)
loss_fn = nn.CrossEntropyLoss()
w = DiagWriter(a.logdir)
w.watch(net, opt, loss_fn)
for s in range(1, a.steps + 1):
    net.train()
    x, t = puzzles(train_g, 128)
    # relabelling the digits gives new grids for free
    perm = torch.randperm(4)
    x = x[:, perm]
    t = torch.where(t >= 0, torch.argsort(perm)[t.clamp(min=0)], t)
    opt.zero_grad()
    loss = loss_fn(net(x), t)
    loss.backward()
    opt.step()
    sch.step()
    if s % 100 == 0:
        net.eval()
        with torch.no_grad(), w.evaluating("test"):
            v = loss_fn(net(vx), vt).item()
        print(s, round(loss.item(), 4), round(v, 4))
w.close()
print("RESULT test_ce", round(v, 4), "exact_posterior_ce", round(exact(G, vx, vt), 4), "uniform", round(float(np.log(4)), 4))
