"""Sharpness-aware minimisation (Foret et al. 2021): every step has two forward/backward passes, the first one only climbs.
Synthetic expression profiles of three tumour types (500 samples x 60 genes)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter


class SAM(torch.optim.Optimizer):
    def __init__(self, params, base, rho=0.05, **kw):
        super().__init__(params, dict(rho=rho, **kw))
        self.base = base(self.param_groups, **kw)
        self.param_groups = self.base.param_groups

    @torch.no_grad()
    def first_step(self):
        norm = torch.stack([p.grad.norm() for g in self.param_groups for p in g["params"]]).norm()
        for g in self.param_groups:
            for p in g["params"]:
                e = p.grad * (g["rho"] / (norm + 1e-12))
                p.add_(e)
                self.state[p]["e"] = e
        self.zero_grad()

    @torch.no_grad()
    def step(self, closure=None):
        for g in self.param_groups:
            for p in g["params"]:
                p.sub_(self.state[p]["e"])
        self.base.step()
        self.zero_grad()


def tumours(seed=3, n=900, d=60):
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=n)
    cent = rng.normal(0, 0.36, (3, d))
    low = rng.normal(0, 1, (8, d))
    X = cent[y] + rng.normal(0, .5, (n, 8)) @ low * .5 + rng.normal(0, 1, (n, d))
    X = (X - X.mean(0)) / X.std(0)
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y)


def main(logdir, lr=0.03):
    torch.set_num_threads(1)
    torch.manual_seed(3)
    X, y = tumours()
    Xtr, ytr, Xva, yva = X[:600], y[:600], X[600:], y[600:]
    net = nn.Sequential(nn.Linear(60, 32), nn.ReLU(), nn.Dropout(.3), nn.Linear(32, 3))
    opt = SAM(net.parameters(), torch.optim.SGD, rho=0.1, lr=lr, momentum=0.9, weight_decay=2e-2)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt.base, 18)
    ce = nn.CrossEntropyLoss()
    w = DiagWriter(logdir)
    w.watch(net, opt, ce)
    for epoch in range(18):
        net.train()
        for b in torch.randperm(600).split(50):
            ce(net(Xtr[b]), ytr[b]).backward()
            opt.first_step()
            loss = ce(net(Xtr[b]), ytr[b])
            loss.backward()
            opt.step()
        sched.step()
        net.eval()
        with w.evaluating("val"):
            out = net(Xva)
            v = ce(out, yva).item()
        print(epoch + 1, f"train {loss.item():.4f} val {v:.4f} acc {(out.argmax(1) == yva).float().mean():.4f}")
    w.close()
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    lrg = LogisticRegression(C=.01, max_iter=500).fit(Xtr, ytr)
    print(f"RESULT val_loss {v:.4f} val_acc {(out.argmax(1) == yva).float().mean():.4f} logreg_loss {log_loss(yva, lrg.predict_proba(Xva)):.4f} logreg_acc {lrg.score(Xva, yva):.4f}")


if __name__ == "__main__":
    main(sys.argv[-1], *map(float, sys.argv[1:-1]))
