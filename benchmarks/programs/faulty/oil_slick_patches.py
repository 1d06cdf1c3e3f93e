"""Oil slicks in SAR patches (simulated: speckle, dark streaks = slick, dark blobs = low wind look-alike). Slicks are rare."""
from dataclasses import dataclass
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.metrics import f1_score, recall_score, balanced_accuracy_score
from tb_lossdiag import DiagWriter

@dataclass
class Cfg:
    n_train: int = 4000
    n_val: int = 1500
    share: float = 0.025
    batch: int = 64
    epochs: int = 10
    lr: float = 1e-3
    seed: int = 9

def patches(n, share, rng):
    yy, xx = np.mgrid[-1:1:24j, -1:1:24j]
    X = np.empty((n, 1, 24, 24), "float32"); y = (rng.random(n) < share).astype("float32")
    for i in range(n):
        th, cx, cy = rng.uniform(0, np.pi), *rng.uniform(-.5, .5, 2)
        u, v = (xx - cx) * np.cos(th) + (yy - cy) * np.sin(th), -(xx - cx) * np.sin(th) + (yy - cy) * np.cos(th)
        if y[i]: dark = np.exp(-(u / .8) ** 2 - (v / rng.uniform(.10, .22)) ** 2) * rng.uniform(.55, .9)
        else: dark = np.exp(-(u / rng.uniform(.3, .5)) ** 2 - (v / rng.uniform(.25, .5)) ** 2) * rng.uniform(.0, .6)
        X[i, 0] = np.log(rng.gamma(6, 1 / 6, (24, 24)) * (1 - dark))
    return torch.tensor((X + .25) / .6), torch.tensor(y)

def main(form, logdir, cfg=Cfg()):
    torch.set_num_threads(1); torch.manual_seed(cfg.seed); rng = np.random.default_rng(cfg.seed)
    Xt, yt = patches(cfg.n_train, cfg.share, rng); Xv, yv = patches(cfg.n_val, cfg.share, rng)
    print("slicks in train", int(yt.sum()), "of", len(yt))
    if form == "fixed": loss_fn = nn.BCEWithLogitsLoss(pos_weight=(1 - yt).sum() / yt.sum())
    else: loss_fn = nn.BCEWithLogitsLoss()
    net = nn.Sequential(nn.Conv2d(1, 12, 5, 2, 2), nn.ReLU(), nn.Conv2d(12, 24, 3, 2, 1), nn.ReLU(), nn.Conv2d(24, 24, 3, 1, 1), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(24, 1), nn.Flatten(0))
    opt = torch.optim.AdamW(net.parameters(), lr=cfg.lr)
    w = DiagWriter(logdir); w.watch(net, opt, loss_fn)
    tl = DataLoader(TensorDataset(Xt, yt), cfg.batch, shuffle=True); vl = DataLoader(TensorDataset(Xv, yv), 250)
    for ep in range(cfg.epochs):
        net.train()
        for x, y in tl:
            loss = loss_fn(net(x), y); opt.zero_grad(); loss.backward(); opt.step()
        net.eval(); P = []
        with w.evaluating("val"):
            for x, y in vl: o = net(x); loss_fn(o, y); P.append(o > 0)
        P = torch.cat(P).numpy(); t = yv.numpy()
        print(ep, "acc %.3f" % (P == t).mean(), "recall %.3f" % recall_score(t, P))
    w.close()
    print("RESULT recall %.4f balanced_accuracy %.4f f1 %.4f accuracy %.4f" % (recall_score(t, P), balanced_accuracy_score(t, P), f1_score(t, P), (P == t).mean()))
main(*sys.argv[1:3])
