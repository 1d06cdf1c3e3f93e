"""DeepHit (Lee et al. 2018) with two competing risks: shared trunk, cause-specific heads, joint softmax over (cause, time); likelihood + ranking loss."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1234)
rng = np.random.default_rng(1234)
N, P, K = 4000, 10, 12
X = rng.normal(size=(N, P))
X[:, 5:] = .6 * X[:, :5] + .8 * X[:, 5:]
r1 = np.exp(.8 * X[:, 0] + .6 * X[:, 1] ** 2 - .6)
r2 = np.exp(.7 * X[:, 2] - .6 * X[:, 3] + .3 * X[:, 0])
t1, t2 = rng.exponential(6 / r1), rng.exponential(7 / r2)
c = rng.uniform(1, 12, N)
t = np.minimum(np.minimum(t1, t2), c)
ev = np.where(t == c, 0, np.where(t1 < t2, 1, 2))
cuts = np.quantile(t[ev > 0], np.linspace(0, 1, K)[1:])
tb = np.searchsorted(cuts, t).clip(0, K - 1)
print("censored", (ev == 0).mean(), "cause 1", (ev == 1).mean(), "cause 2", (ev == 2).mean())
X, tb, ev = torch.tensor(X, dtype=torch.float32), torch.tensor(tb), torch.tensor(ev)
tr, va = slice(0, 3200), slice(3200, N)


class CauseSpecificNet(nn.Module):
    def __init__(self, p, shared=32, indiv=16, causes=2, durations=K):
        super().__init__()
        self.shared = nn.Sequential(nn.Linear(p, shared), nn.ReLU(), nn.BatchNorm1d(shared), nn.Dropout(.1))
        self.risk = nn.ModuleList([nn.Sequential(nn.Linear(shared + p, indiv), nn.ReLU(), nn.Dropout(.1), nn.Linear(indiv, durations)) for _ in range(causes)])

    def forward(self, x):
        h = torch.cat([self.shared(x), x], 1)
        return torch.stack([r(h) for r in self.risk], 1)


class DeepHitLoss(nn.Module):
    def __init__(self, alpha=.2, sigma=.1):
        super().__init__()
        self.alpha, self.sigma = alpha, sigma

    def forward(self, phi, dur, event):
        B = len(dur)
        pmf = torch.softmax(torch.cat([phi.reshape(B, -1), torch.zeros(B, 1)], 1), 1)[:, :-1].reshape(phi.shape)
        cif = pmf.cumsum(2)
        i = torch.arange(B)
        hit = event > 0
        cause = (event - 1).clamp(min=0)
        ll_ev = torch.log(pmf[i, cause, dur] + 1e-7)
        ll_c = torch.log(1 - cif[i, :, dur].sum(1) + 1e-7)
        nll = -torch.where(hit, ll_ev, ll_c).mean()
        rank = 0.
        for k in range(2):
            own = cif[i, k, dur]
            other = cif[:, k, :][:, dur].T                   # other[i, j] = F_k(t_i | x_j)
            ok = ((event == k + 1)[:, None] & (dur[:, None] < dur[None])).float()
            rank = rank + (ok * torch.exp((other - own[:, None]) / self.sigma)).mean()
        return (1 - self.alpha) * nll + self.alpha * rank


def cindex(phi, dur, event, k):
    B = len(dur)
    pmf = torch.softmax(torch.cat([phi.reshape(B, -1), torch.zeros(B, 1)], 1), 1)[:, :-1].reshape(phi.shape)
    cif = pmf.cumsum(2)[:, k]
    own, other = cif[torch.arange(B), dur], cif[:, dur].T
    ok = (event == k + 1)[:, None] & (dur[:, None] < dur[None])
    return (own[:, None] > other)[ok].float().mean().item()


net = CauseSpecificNet(P)
opt = torch.optim.Adam(net.parameters(), lr=3e-3, weight_decay=1e-4)
crit = DeepHitLoss()
writer = DiagWriter(sys.argv[1])
writer.watch(net, opt, crit)
sch = torch.optim.lr_scheduler.MultiStepLR(opt, [12], .2)
for epoch in range(18):
    net.train()
    ls = []
    for b in torch.randperm(3200).split(64):
        loss = crit(net(X[b]), tb[b], ev[b])
        opt.zero_grad(); loss.backward(); opt.step()
        ls.append(loss.item())
    sch.step()
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        vs = []
        for b in torch.arange(3200, N).split(64):
            vs.append(crit(net(X[b]), tb[b], ev[b]).item())
        vl = np.mean(vs)
        phi = net(X[va])
    ci = [cindex(phi, tb[va], ev[va], k) for k in range(2)]
    print(f"{epoch:2d} train {np.mean(ls):.4f} val {vl:.4f} c-index {ci[0]:.3f} {ci[1]:.3f}")
writer.close()
print(f"RESULT train={np.mean(ls):.4f} val={vl:.4f} c1={ci[0]:.4f} c2={ci[1]:.4f}")
