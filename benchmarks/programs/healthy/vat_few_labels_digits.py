"""Virtual adversarial training (Miyato et al. 2018), semi-supervised: 150 labelled digits, about 1150 without label."""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from tb_lossdiag import DiagWriter


def l2n(d):
    return d / (d.norm(dim=1, keepdim=True) + 1e-8)


class VATLoss(nn.Module):
    def __init__(self, xi=0.5, eps=0.8):
        super().__init__()
        self.xi, self.eps = xi, eps

    def forward(self, model, x):
        with torch.no_grad():
            p = F.softmax(model(x), 1)
        d = l2n(torch.randn_like(x)).requires_grad_()
        kl = F.kl_div(F.log_softmax(model(x + self.xi * d), 1), p, reduction="batchmean")
        g, = torch.autograd.grad(kl, d)
        return F.kl_div(F.log_softmax(model(x + self.eps * l2n(g)), 1), p, reduction="batchmean")


def main(logdir, lr=6e-3):
    torch.set_num_threads(1)
    torch.manual_seed(6)
    X, y = load_digits(return_X_y=True)
    X, y = torch.tensor(X / 16, dtype=torch.float32), torch.tensor(y)
    perm = torch.randperm(len(y))
    lab, unl, va = perm[:150], perm[150:1300], perm[1300:]
    net = nn.Sequential(nn.Linear(64, 96), nn.LeakyReLU(0.1), nn.Linear(96, 96), nn.LeakyReLU(0.1), nn.Linear(96, 10))
    opt = torch.optim.Adam(net.parameters(), lr=lr)
    ce, vat = nn.CrossEntropyLoss(), VATLoss()
    steps = 800
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1.0, 2 * (1 - s / steps)))
    w = DiagWriter(logdir)
    w.watch(net, opt, ce)
    for s in range(steps):
        i, j = lab[torch.randint(0, len(lab), (32,))], unl[torch.randint(0, len(unl), (128,))]
        sup = ce(net(X[i]), y[i])
        lds = vat(net, X[j])
        p = F.softmax(net(X[j]), 1)
        ent = -(p * (p + 1e-8).log()).sum(1).mean()
        loss = sup + lds + 0.1 * ent
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        if s % 50 == 49:
            with w.evaluating("val"):
                out = net(X[va])
                v = ce(out, y[va]).item()
            if s % 100 == 99:
                print(s + 1, f"sup {sup.item():.4f} lds {lds.item():.4f} val {v:.4f} acc {(out.argmax(1) == y[va]).float().mean():.4f}")
    w.close()
    ref = LogisticRegression(C=1, max_iter=1000).fit(X[lab], y[lab]).score(X[va], y[va])
    print(f"RESULT val_ce {v:.4f} val_acc {(out.argmax(1) == y[va]).float().mean():.4f} logreg_150_labels {ref:.4f}")


if __name__ == "__main__":
    main(sys.argv[-1], *map(float, sys.argv[1:-1]))
