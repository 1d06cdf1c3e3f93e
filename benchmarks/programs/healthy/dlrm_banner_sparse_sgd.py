"""A small DLRM (bottom MLP, embeddings, pairwise dot interaction, top MLP) on simulated banner clicks.

The click log is simulated: 5 categorical fields with Zipf-distributed ids, 6 counters, clicks about 7 %.
One pass over the log, as click models are trained; sparse gradients with plain SGD for the tables.
"""
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

SIZES = [2000, 500, 300, 50, 12]


def make_log(n, seed):
    rng = np.random.default_rng(seed)
    cats = np.stack([np.minimum(rng.zipf(1.3, n) - 1, s - 1) if s > 100 else rng.integers(0, s, n) for s in SIZES], 1)
    dense = np.log1p(rng.poisson(rng.gamma(1, 8, (n, 6)))).astype("float32")
    w = np.random.default_rng(99)
    eff = [w.normal(0, .6, s) for s in SIZES]
    vec = [w.normal(0, .45, (s, 3)) for s in SIZES]
    z = -4.1 + sum(e[c] for e, c in zip(eff, cats.T)) + dense @ np.array([.25, -.2, .1, 0, .15, -.1])
    z = z + (vec[0][cats[:, 0]] * vec[3][cats[:, 3]]).sum(1) + (vec[1][cats[:, 1]] * vec[4][cats[:, 4]]).sum(1)
    p = 1 / (1 + np.exp(-z))
    y = (rng.random(n) < p).astype("float32")
    bayes = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    return torch.tensor(cats), torch.tensor(dense), torch.tensor(y), bayes


class DLRM(nn.Module):
    def __init__(self, dim=8):
        super().__init__()
        self.tables = nn.ModuleList(nn.EmbeddingBag(s, dim, mode="sum", sparse=True) for s in SIZES)
        for t, s in zip(self.tables, SIZES):
            nn.init.uniform_(t.weight, -(1 / s) ** .5, (1 / s) ** .5)
        self.bot = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, dim), nn.ReLU())
        pairs = (len(SIZES) + 1) * len(SIZES) // 2
        self.top = nn.Sequential(nn.Linear(pairs + dim * (len(SIZES) + 1), 64), nn.ReLU(), nn.Linear(64, 1))
        self.register_buffer("ij", torch.tril_indices(len(SIZES) + 1, len(SIZES) + 1, -1))

    def forward(self, cats, dense):
        d = self.bot(dense)
        vs = [d] + [t(cats[:, i:i + 1]) for i, t in enumerate(self.tables)]
        T = torch.stack(vs, 1)
        Z = T @ T.transpose(1, 2)
        inter = Z[:, self.ij[0], self.ij[1]]
        return self.top(torch.cat([inter, T.flatten(1)], 1)).squeeze(1)


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("logdir")
    ap.add_argument("--batch", type=int, default=128)
    ap.add_argument("--lr", type=float, default=0.5)
    args = ap.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    C, D, Y, _ = make_log(400_000, 1)
    Cv, Dv, Yv, bayes = make_log(30_000, 2)
    net = DLRM()
    opt = torch.optim.SGD(net.parameters(), lr=args.lr)
    loss_fn = nn.BCEWithLogitsLoss()
    w = DiagWriter(args.logdir)
    w.watch(net, opt, loss_fn)
    steps = len(Y) // args.batch
    for i in range(steps):
        s = slice(i * args.batch, (i + 1) * args.batch)
        loss = loss_fn(net(C[s], D[s]), Y[s])
        opt.zero_grad()
        loss.backward()
        opt.step()
        # linear decay over the last third, like the reference implementation
        for g in opt.param_groups:
            g["lr"] = g.setdefault("base", g["lr"]) * min(1.0, (steps - i) / (steps / 3))
        if (i + 1) % 400 == 0:
            net.eval()
            with torch.no_grad(), w.evaluating("test"):
                v = np.mean([loss_fn(net(Cv[k:k + 2000], Dv[k:k + 2000]), Yv[k:k + 2000]).item() for k in range(0, 30000, 2000)])
            net.train()
            print(i + 1, "test logloss", round(v, 4))
    net.eval()
    with torch.no_grad(), w.evaluating("test"):
        v = np.mean([loss_fn(net(Cv[k:k + 2000], Dv[k:k + 2000]), Yv[k:k + 2000]).item() for k in range(0, 30000, 2000)])
    w.close()
    b = Y.mean().item()
    print("RESULT test_logloss", round(v, 4), "truth", round(float(bayes), 4), "base_rate",
          round(F.binary_cross_entropy(torch.full_like(Yv, b), Yv).item(), 4), "ctr", round(b, 4))
