# -*- coding: utf-8 -*-
"""Deep Interest Network on a made-up shop log: is the candidate item clicked, given the last clicks of the user?"""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader
from sklearn.metrics import roc_auc_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)


def make_log(n, n_items=400, n_cats=25, max_len=12, seed=0):
    rng = np.random.RandomState(100)                    # the shop itself is the same for train and test
    cat = rng.randint(1, n_cats, n_items); cat[0] = 0
    pop = rng.normal(0, .5, n_items)
    near = rng.normal(0, 1, (n_cats, 4))
    rng = np.random.RandomState(seed)
    hist = np.zeros((n, max_len), int)
    tastes = rng.randint(1, n_cats, (n, 3))
    by_cat = [np.where(cat == c)[0] for c in range(n_cats)]
    for i in range(n):
        m = rng.randint(3, max_len + 1)
        for k in range(m):
            pool = by_cat[tastes[i, rng.randint(3)]] if rng.rand() < .75 else np.arange(1, n_items)
            hist[i, k] = pool[rng.randint(len(pool))] if len(pool) else 1
    cand = np.where(rng.rand(n) < .5, [by_cat[t[rng.randint(3)]][0] if len(by_cat[t[0]]) == 0 else rng.choice(by_cat[rng.choice(t)]) for t in tastes], rng.randint(1, n_items, n))
    same = ((cat[hist] == cat[cand][:, None]) & (hist > 0)).sum(1)
    sim = (near[cat[hist]] * near[cat[cand]][:, None]).sum(-1)
    sim = np.where(hist > 0, np.maximum(sim, 0), 0).mean(1)
    z = -1.6 + 1.0 * np.log1p(same) + .3 * sim + pop[cand]
    y = rng.rand(n) < 1 / (1 + np.exp(-z))
    return [torch.tensor(a) for a in (hist, cat[hist], cand, cat[cand])] + [torch.tensor(y).float()]


class Dice(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.bn = nn.BatchNorm1d(n, affine=False, eps=1e-8)
        self.alpha = nn.Parameter(torch.zeros(n))

    def forward(self, x):
        p = torch.sigmoid(self.bn(x))
        return p * x + (1 - p) * self.alpha * x


class ActivationUnit(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(4 * d, 24), nn.PReLU(), nn.Linear(24, 1))

    def forward(self, query, keys, mask):
        q = query.unsqueeze(1).expand_as(keys)
        a = self.f(torch.cat([q, keys, q - keys, q * keys], -1)).squeeze(-1)
        return (a * mask).unsqueeze(1).bmm(keys).squeeze(1)          # no softmax, as in the paper


class DIN(nn.Module):
    def __init__(self, n_items, n_cats, d=8):
        super().__init__()
        self.item, self.cat = nn.Embedding(n_items, d, padding_idx=0), nn.Embedding(n_cats, d, padding_idx=0)
        for e in (self.item, self.cat):
            nn.init.normal_(e.weight, std=.05)
        self.att = ActivationUnit(2 * d)
        self.mlp = nn.Sequential(nn.Linear(6 * d, 40), Dice(40), nn.Linear(40, 16), Dice(16), nn.Linear(16, 1))

    def forward(self, hist, hist_cat, cand, cand_cat):
        keys = torch.cat([self.item(hist), self.cat(hist_cat)], -1)
        query = torch.cat([self.item(cand), self.cat(cand_cat)], -1)
        mask = (hist > 0).float()
        interest = self.att(query, keys, mask)
        return self.mlp(torch.cat([interest, query, interest * query], -1)).squeeze(-1)


if __name__ == '__main__':
    torch.manual_seed(1)
    train = DataLoader(TensorDataset(*make_log(24000, seed=1)), batch_size=128, shuffle=True)
    test = DataLoader(TensorDataset(*make_log(5000, seed=2)), batch_size=1000)
    model = DIN(400, 25)
    optim = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-5)
    loss_func = nn.BCEWithLogitsLoss()
    writer = DiagWriter(sys.argv[1])
    writer.watch(model, optim, loss_func)
    for epoch in range(5):
        model.train()
        total_loss = 0
        for *x, y in train:
            loss = loss_func(model(*x), y)
            optim.zero_grad()
            loss.backward()
            optim.step()
            total_loss += loss.item()
        model.eval()
        ys, ps, tl = [], [], 0
        with torch.no_grad(), writer.evaluating("test"):
            for *x, y in test:
                o = model(*x)
                tl += loss_func(o, y).item() / len(test)
                ys.append(y); ps.append(o)
        auc = roc_auc_score(torch.cat(ys), torch.cat(ps))
        print('epoch %d train loss %.4f test loss %.4f auc %.4f' % (epoch + 1, total_loss / len(train), tl, auc))
    writer.close()
    print(f"RESULT test_loss={tl:.4f} test_auc={auc:.4f} positives={torch.cat(ys).mean():.3f}")
