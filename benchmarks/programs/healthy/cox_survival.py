import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
rng = np.random.RandomState(1234)
torch.manual_seed(1234)

# simulated cohort: proportional hazards with a gaussian risk surface, about 40 % censored
N = 4000
x = rng.uniform(-1, 1, (N, 6)).astype('float32')
risk = 1.6 * np.exp(-(x[:, 0] ** 2 + x[:, 1] ** 2) / (2 * 0.5 ** 2)) + 0.5 * x[:, 2] - 0.5 * x[:, 3] + 0.3 * x[:, 4] * x[:, 5]
event_t = rng.exponential(1 / np.exp(risk))
cens_t = rng.exponential(np.median(event_t) * 2, N)
durations = np.minimum(event_t, cens_t).astype('float32')
events = (event_t <= cens_t).astype('float32')
x = (x - x.mean(0)) / x.std(0)
tr, va = slice(0, 3000), slice(3000, None)


class CoxPHLoss(nn.Module):
    def forward(self, log_h, target):
        t, e = target[:, 0], target[:, 1]
        idx = t.sort(descending=True)[1]
        e, log_h = e[idx], log_h.view(-1)[idx]
        gamma = log_h.max()
        log_cumsum = (log_h - gamma).exp().cumsum(0).add(1e-7).log().add(gamma)
        return -(log_h - log_cumsum).mul(e).sum().div(e.sum())


def concordance(t, e, s):
    ok = (t[:, None] < t[None]) & (e[:, None] > 0)
    return ((s[:, None] > s[None]) & ok).sum() / ok.sum()


net = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.BatchNorm1d(32), nn.Dropout(0.1),
                    nn.Linear(32, 32), nn.ReLU(), nn.BatchNorm1d(32), nn.Dropout(0.1), nn.Linear(32, 1, bias=False))
loss_fn = CoxPHLoss()
optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.02)
X = torch.from_numpy(x)
T = torch.from_numpy(np.stack([durations, events], 1))
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X[tr], T[tr]), batch_size=256, shuffle=True, drop_last=True)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, loss_fn)
for epoch in range(25):
    net.train()
    total = 0.
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = loss_fn(net(xb), yb)
        loss.backward()
        optimizer.step()
        total += loss.item()
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        ls, vs = [], net(X[va])
        for i in range(0, 1000, 250):
            ls.append(loss_fn(net(X[va][i:i + 250]), T[va][i:i + 250]).item())
    if epoch % 4 == 0:
        c = concordance(durations[va], events[va], vs.numpy().ravel())
        print(f"{epoch}:\t[train {total / len(loader):.4f}, val {np.mean(ls):.4f}]  c-index {c:.4f} (true risk {concordance(durations[va], events[va], risk[va]):.4f})")
writer.close()
