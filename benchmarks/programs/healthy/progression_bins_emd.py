# Ordered classes with the squared earth mover's distance loss (NIMA, Talebi & Milanfar 2018).
# Diabetes progression cut into 5 equally frequent grades; grades stay hard to tell, so the loss levels off early.
import sys
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from tb_lossdiag import DiagWriter

cfg = SimpleNamespace(lr=float(sys.argv[1]) if len(sys.argv) > 2 else 1e-3, wd=1e-1, epochs=30, bs=24, grades=5, seed=14)


class EMDSquared(nn.Module):
    def forward(self, logits, target):
        P = logits.softmax(1).cumsum(1)
        T = torch.nn.functional.one_hot(target, logits.size(1)).float().cumsum(1)
        return ((P - T) ** 2).sum(1).mean()


def main():
    torch.set_num_threads(1)
    torch.manual_seed(cfg.seed)
    rng = np.random.default_rng(cfg.seed)
    X, t = load_diabetes(return_X_y=True)
    X = (X - X.mean(0)) / X.std(0)
    y = np.searchsorted(np.quantile(t, [.2, .4, .6, .8]), t)
    p = rng.permutation(len(y))
    tr, va = p[:310], p[310:]
    Xt, yt = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    net = nn.Sequential(nn.Linear(10, 16), nn.ELU(), nn.Dropout(.4), nn.Linear(16, cfg.grades))
    opt = torch.optim.AdamW(net.parameters(), lr=cfg.lr, weight_decay=cfg.wd)
    emd = EMDSquared()
    writer = DiagWriter(sys.argv[-1])
    writer.watch(net, opt, emd)
    for ep in range(cfg.epochs):
        net.train()
        for b in torch.tensor(rng.permutation(tr)).split(cfg.bs):
            opt.zero_grad()
            loss = emd(net(Xt[b]), yt[b])
            loss.backward()
            opt.step()
        net.eval()
        with writer.evaluating("val"):
            o = net(Xt[va])
            v = emd(o, yt[va]).item()
        if ep % 10 == 9:
            print(ep + 1, f"{loss.item():.4f} val {v:.4f}")
    writer.close()
    exp_grade = (o.softmax(1) * torch.arange(5.)).sum(1)
    mae = (exp_grade - yt[va]).abs().mean().item()
    r = RidgeCV([1, 10, 30]).fit(X[tr], y[tr]).predict(X[va])
    from sklearn.linear_model import LogisticRegression
    lp = LogisticRegression(C=.1, max_iter=500).fit(X[tr], y[tr]).predict_proba(X[va])
    ref = ((lp.cumsum(1) - np.eye(5)[y[va]].cumsum(1)) ** 2).sum(1).mean()
    print(f"RESULT val_emd {v:.4f} mae {mae:.4f} ridge_mae {np.abs(r - y[va]).mean():.4f} logreg_emd {ref:.4f} constant_emd {((np.cumsum([.2] * 5) - np.eye(5)[y[va]].cumsum(1)) ** 2).sum(1).mean():.4f}")


main()
