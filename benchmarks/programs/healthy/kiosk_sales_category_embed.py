"""Daily sales per kiosk and product (simulated chain): categorical embeddings + calendar, Poisson likelihood with log link."""
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from tb_lossdiag import DiagWriter

SEED = 77
CATS = {"kiosk": 25, "product": 12, "dow": 7}
EMB = {"kiosk": 6, "product": 4, "dow": 3}


def make_frame(days=150):
    rng = np.random.default_rng(SEED)
    k, p = rng.normal(0, 0.5, 25), rng.normal(0.9, 0.6, 12)
    taste = rng.normal(0, 0.25, (25, 2)) @ rng.normal(0, 1, (2, 12))
    week = np.array([0, -0.05, 0, 0.05, 0.25, 0.45, 0.2])
    rows = []
    for d in range(days):
        temp = 14 + 9 * np.sin(2 * np.pi * d / 365) + rng.normal(0, 3)
        promo = rng.random((25, 12)) < 0.1
        mu = np.exp(k[:, None] + p[None] + taste + week[d % 7] + 0.02 * (temp - 14) + 0.5 * promo)
        sales = rng.poisson(mu)
        i, j = np.meshgrid(range(25), range(12), indexing="ij")
        rows.append(pd.DataFrame(dict(day=d, kiosk=i.ravel(), product=j.ravel(), dow=d % 7, temp=(temp - 14) / 9,
                                      promo=promo.ravel().astype(float), sales=sales.ravel(), mu=mu.ravel())))
    return pd.concat(rows, ignore_index=True)


class SalesNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.ModuleDict({c: nn.Embedding(n, EMB[c]) for c, n in CATS.items()})
        self.mlp = nn.Sequential(nn.Linear(sum(EMB.values()) + 2, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, cats, nums):
        e = [self.emb[c](cats[:, i]) for i, c in enumerate(CATS)]
        return self.mlp(torch.cat(e + [nums], 1)).squeeze(1)


def tensors(df):
    return (torch.tensor(df[list(CATS)].values), torch.tensor(df[["temp", "promo"]].values).float(), torch.tensor(df["sales"].values).float())


def deviance(log_mu, y):
    mu = log_mu.exp()
    return 2 * (torch.xlogy(y, y / mu) - (y - mu)).mean().item()


def run(logdir):
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    df = make_frame()
    tr, va = df[df.day < 120], df[df.day >= 120]          # last month held out
    C, N, Y = tensors(tr)
    Cv, Nv, Yv = tensors(va)
    net = SalesNet()
    loss_fn = nn.PoissonNLLLoss(log_input=True)
    opt = torch.optim.Adam(net.parameters(), lr=4e-3)
    epochs, bs = 14, 512
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=8e-3, total_steps=epochs * (len(Y) // bs))
    w = DiagWriter(logdir)
    w.watch(net, opt, loss_fn)
    for ep in range(epochs):
        net.train()
        order = torch.randperm(len(Y))
        for b in range(len(Y) // bs):
            i = order[b * bs:(b + 1) * bs]
            loss = loss_fn(net(C[i], N[i]), Y[i])
            opt.zero_grad()
            loss.backward()
            opt.step()
            sched.step()
        net.eval()
        with w.evaluating("val"):
            out = net(Cv, Nv)
            v = loss_fn(out, Yv).item()
        print(ep, f"{loss.item():.4f} {v:.4f} deviance {deviance(out, Yv):.4f}")
    w.close()
    best = torch.tensor(va["mu"].values).float().log()
    mean = Y.mean().log().expand_as(Yv)
    print(f"RESULT val_nll {v:.4f} true_rates {loss_fn(best, Yv).item():.4f} constant {loss_fn(mean, Yv).item():.4f} "
          f"deviance {deviance(out, Yv):.4f} deviance_true {deviance(best, Yv):.4f}")


if __name__ == "__main__":
    run(sys.argv[1])
