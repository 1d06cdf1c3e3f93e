#!/usr/bin/env python
"""Listwise learning to rank for hotel search results with ListMLE (Xia et al. 2008, the Plackett-Luce likelihood)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

L, F = 15, 14      # results on a page, features of a result


def make_queries(n, rng):
    w1 = np.array([-.7, .9, .5, -.4, .3, .25, -.2, .15, 0, 0, .35, 0, -.3, .2])
    q = rng.randn(n, 1, 4) * np.ones((1, L, 1))                          # what is the same for the whole query
    x = rng.randn(n, L, F - 4)
    x[..., 3] = .6 * x[..., 0] + .8 * x[..., 3]                          # price and distance go together
    x = np.concatenate([x, q], -1)
    u = x @ w1 + .6 * x[..., 0] * x[..., 10] - .5 * np.maximum(x[..., 3] - .5, 0) * x[..., 11] + .4 * np.tanh(2 * x[..., 1] * x[..., 2])
    u = u + rng.gumbel(size=u.shape)                                     # travellers differ
    order = np.argsort(-u, 1)
    grade = np.zeros((n, L))
    np.put_along_axis(grade, order, np.array([3, 2, 2, 1, 1, 1] + [0] * (L - 6))[None], 1)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(order), torch.tensor(grade)


class ListMLE(nn.Module):
    """-log P(observed order): a sum over L - 1 choices, ln(15!) = 27.9 for a ranker that knows nothing"""

    def forward(self, scores, order):
        s = scores.gather(1, order)
        tail = torch.logcumsumexp(s.flip(1), 1).flip(1)
        return (tail - s).sum(1).mean()


class Scorer(nn.Module):
    def __init__(self, hidden=(48, 24)):
        super().__init__()
        layers, d = [], F
        for h in hidden:
            layers += [nn.Linear(d, h), nn.ELU()]
            d = h
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(d, 1, bias=False)       # a constant added to all scores of a list changes nothing

    def forward(self, x):
        return self.head(self.body(x)).squeeze(-1)


def ndcg(scores, grade, k=5):
    disc = 1 / torch.log2(torch.arange(2, k + 2).double())
    g = (2 ** grade - 1).gather(1, scores.argsort(1, descending=True))[:, :k]
    ideal = (2 ** grade - 1).sort(1, descending=True)[0][:, :k]
    return ((g * disc).sum(1) / (ideal * disc).sum(1)).mean().item()


def main(logdir):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.RandomState(0)
    xtr, otr, gtr = make_queries(4000, rng)
    xva, ova, gva = make_queries(1500, rng)
    net, listmle = Scorer(), ListMLE()
    opt = torch.optim.Adam(net.parameters(), lr=4e-3)
    sch = torch.optim.lr_scheduler.ExponentialLR(opt, .8)
    w = DiagWriter(logdir)
    w.watch(net, opt, listmle)
    for ep in range(10):
        net.train()
        run, cnt = 0., 0
        for ix in torch.randperm(len(xtr)).split(64):
            loss = listmle(net(xtr[ix]), otr[ix])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run, cnt = run + loss.item(), cnt + 1
        sch.step()
        net.eval()
        with torch.no_grad(), w.evaluating("val"):
            s = net(xva)
            v = listmle(s, ova).item()
        print(f"{ep:2d} listmle {run / cnt:.3f} / {v:.3f}  ndcg@5 {ndcg(s, gva):.4f}")
    w.close()
    print(f"RESULT val_listmle={v:.4f} train={run / cnt:.4f} ndcg5={ndcg(s, gva):.4f} random_ndcg5={ndcg(torch.rand_like(s), gva):.4f}")


if __name__ == "__main__":
    main(sys.argv[1])
