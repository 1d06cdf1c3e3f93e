import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(10)

"""Cox partial likelihood with a small SELU net; about a third of the patients are censored.
The loss hovers near log(size of the risk set), whatever the model does."""


def cohort(n, seed):
    g = np.random.RandomState(seed)
    X = g.randn(n, 12)
    X[:, 3] = g.rand(n) < .3
    X[:, 7] = g.poisson(2, n)
    risk = .7 * X[:, 0] - .5 * X[:, 1] * X[:, 3] + .5 * np.maximum(X[:, 2], 0) + .4 * np.cos(1.5 * X[:, 4]) + .2 * X[:, 7]
    t = g.exponential(np.exp(-risk + .5))
    c = g.exponential(1.6, n)
    return X.astype("float32"), np.minimum(t, c).astype("float32"), (t <= c).astype("float32")


def cox_ph(risk, time, event):
    order = torch.argsort(time, descending=True)
    r, e = risk[order], event[order]
    return -((r - torch.logcumsumexp(r, 0)) * e).sum() / e.sum().clamp(min=1)


def c_index(risk, t, e):
    ok = (t[:, None] < t[None]) & (e[:, None] == 1)
    return ((risk[:, None] > risk[None]) & ok).sum() / ok.sum()


class DeepSurv(nn.Sequential):
    def __init__(self, d, h=32, p=0.1):
        super().__init__(nn.Linear(d, h), nn.SELU(), nn.AlphaDropout(p), nn.Linear(h, h), nn.SELU(), nn.AlphaDropout(p), nn.Linear(h, 1, bias=False))
        for m in self:
            if isinstance(m, nn.Linear):
                nn.init.kaiming_normal_(m.weight, nonlinearity="linear")
                if m.bias is not None: nn.init.zeros_(m.bias)

    def forward(self, x):
        return super().forward(x).squeeze(-1)


tr, va = cohort(4000, 0), cohort(1000, 1)
mu, sd = tr[0].mean(0), tr[0].std(0)
Xtr, Ttr, Etr = torch.tensor((tr[0] - mu) / sd), torch.tensor(tr[1]), torch.tensor(tr[2])
Xva, Tva, Eva = torch.tensor((va[0] - mu) / sd), torch.tensor(va[1]), torch.tensor(va[2])
print("events", Etr.mean().item())
model = DeepSurv(12)
opt = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=3e-4)
sched = torch.optim.lr_scheduler.ExponentialLR(opt, .93)
w = DiagWriter(sys.argv[1])
w.watch(model, opt, cox_ph)
for epoch in range(40):
    model.train()
    ls = []
    for idx in torch.randperm(len(Xtr)).split(200):
        loss = w.loss_fn(model(Xtr[idx]), Ttr[idx], Etr[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        ls.append(loss.item())
    sched.step()
    with w.evaluating("val"):
        out = torch.cat([model(Xva[i:i + 200]) for i in range(0, 1000, 200)])
        v = np.mean([w.loss_fn(model(Xva[i:i + 200]), Tva[i:i + 200], Eva[i:i + 200]).item() for i in range(0, 1000, 200)])
    ci = c_index(out, Tva, Eva).item()
    w.add_scalar("val/c_index", ci, epoch)
    if epoch % 5 == 4:
        print(f"{epoch + 1} train {np.mean(ls):.4f} val {v:.4f} c-index {ci:.4f}")
w.close()
