"""DeepSurv: Cox partial likelihood on simulated survival times with censoring (full-batch as the paper's code; Adam, weight decay)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(7)
rng = np.random.default_rng(7)


def simulate(n):
    x = rng.uniform(-1, 1, (n, 10))
    risk = 2.0 * np.exp(-(x[:, 0] ** 2 + x[:, 1] ** 2) / (2 * 0.25)) + 0.8 * x[:, 2]
    t = rng.exponential(1 / (0.1 * np.exp(risk)))
    c = rng.exponential(12, n)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(np.minimum(t, c)), torch.tensor((t <= c).astype(np.float32)), risk


class DeepSurv(nn.Module):
    def __init__(self, n_in, hidden=(32, 32), drop=0.1):
        super().__init__()
        layers, last = [], n_in
        for h in hidden:
            layers += [nn.Linear(last, h), nn.ReLU(), nn.Dropout(drop)]
            last = h
        self.model = nn.Sequential(*layers, nn.Linear(last, 1))

    def forward(self, x):
        return self.model(x)


class NegativeLogLikelihood(nn.Module):
    def forward(self, risk_pred, y, e):
        order = torch.argsort(y, descending=True)
        r, ev = risk_pred[order, 0], e[order]
        return -((r - torch.logcumsumexp(r, 0)) * ev).sum() / ev.sum()


def c_index(risk, t, e):
    t, e, r = t.numpy(), e.numpy(), risk.numpy()
    before = (t[:, None] < t[None]) & (e[:, None] > 0)
    return ((r[:, None] > r[None]) & before).sum() / before.sum()


xt, tt, et, _ = simulate(3000)
xv, tv, ev, true_risk = simulate(1000)
net = DeepSurv(10)
criterion = NegativeLogLikelihood()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=1e-4)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, criterion)
best, patience = 9.0, 0
for epoch in range(100):
    net.train()
    for idx in torch.randperm(3000).split(256):
        loss = criterion(net(xt[idx]), tt[idx], et[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        out = torch.cat([net(a) for a in xv.split(250)])
        val = float(np.mean([criterion(o, t, e).item() for o, t, e in zip(out.split(250), tv.split(250), ev.split(250))]))
    if val < best - 1e-4:
        best, patience, c = val, 0, c_index(out[:, 0], tv, ev)
    else:
        patience += 1
        if patience >= 15:
            break
print(f"RESULT epochs {epoch + 1} train {loss.item():.3f} val {val:.3f} best {best:.3f} c-index {c:.3f} (true risk {c_index(torch.tensor(true_risk), tv, ev):.3f})")
writer.close()
