"""Neural multi-task logistic regression (N-MTLR) for survival, as in havakv/pycox's 02 example: durations cut into quantile bins,
small MLP with BatchNorm and dropout, Adam, early stopping with patience. Own data: 2000 patients, about half censored."""
import sys
import copy
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(1234)
_ = torch.manual_seed(123)


def simulate(n):
    age = np.random.normal(62, 11, n)
    stage = np.random.choice(4, n, p=[.3, .3, .25, .15])
    marker = np.random.gamma(2, 1, n)
    treated = np.random.rand(n) < .5
    rest = np.random.randn(n, 4)
    risk = .03 * (age - 62) + .45 * stage + .3 * np.log(marker) - .5 * treated * (stage < 2) + .2 * rest[:, 0]
    t = 60 * np.random.weibull(1.3, n) * np.exp(-risk / 1.3 + .4)
    c = np.random.exponential(70, n)
    x = np.c_[age, stage, marker, treated, rest].astype('float32')
    return x, np.minimum(t, c), (t <= c)


x, durations, events = simulate(3000)
idx = np.random.permutation(3000)
i_train, i_val, i_test = idx[:2000], idx[2000:2500], idx[2500:]
mean, std = x[i_train].mean(0), x[i_train].std(0)
x = torch.tensor((x - mean) / std)

num_durations = 15
cuts = np.quantile(durations[i_train][events[i_train]], np.linspace(0, 1, num_durations))
cuts[0] = 0
bins = torch.tensor(np.clip(np.searchsorted(cuts, durations, side='right') - 1, 0, num_durations - 1))
ev = torch.tensor(events).float()


def nll_mtlr(phi, idx_durations, events):
    """MTLR: reversed cumulative sum of the logits, then a softmax over the bins plus 'later'"""
    phi = torch.flip(torch.cumsum(torch.flip(phi, [1]), 1), [1])
    phi = torch.cat([phi, torch.zeros_like(phi[:, :1])], 1)
    logp = torch.log_softmax(phi, 1)
    d = idx_durations.view(-1, 1)
    part1 = logp.gather(1, d).squeeze(1)
    mask = torch.arange(phi.size(1)) > d
    part2 = torch.logsumexp(logp.masked_fill(~mask, -1e9), 1)
    return -(events * part1 + (1 - events) * part2).mean()


def concordance(phi, t, e):
    phi = torch.flip(torch.cumsum(torch.flip(phi, [1]), 1), [1])
    p = torch.softmax(torch.cat([phi, torch.zeros_like(phi[:, :1])], 1), 1)
    score = (1 - p.cumsum(1)).sum(1).numpy()
    good = tot = 0
    for i in np.flatnonzero(e):
        later = t > t[i]
        good += (score[later] > score[i]).sum() + .5 * (score[later] == score[i]).sum()
        tot += later.sum()
    return good / tot


net = nn.Sequential(
    nn.Linear(8, 32), nn.ReLU(), nn.BatchNorm1d(32), nn.Dropout(0.3),
    nn.Linear(32, 32), nn.ReLU(), nn.BatchNorm1d(32), nn.Dropout(0.3),
    nn.Linear(32, num_durations))
optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, nll_mtlr)

batch_size, epochs, patience = 128, 60, 10
best, wait, best_state = np.inf, 0, None
for epoch in range(epochs):
    net.train()
    perm = np.random.permutation(i_train)
    total = 0.
    for k in range(0, len(perm) - batch_size + 1, batch_size):
        b = perm[k:k + batch_size]
        optimizer.zero_grad()
        loss = writer.loss_fn(net(x[b]), bins[b], ev[b])
        loss.backward()
        optimizer.step()
        total += loss.item()
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        val = writer.loss_fn(net(x[i_val]), bins[i_val], ev[i_val]).item()
    if epoch % 5 == 0:
        print(f"{epoch}:\ttrain_loss: {total / (len(perm) // batch_size):.4f},\tval_loss: {val:.4f}")
    if val < best:
        best, wait, best_state = val, 0, copy.deepcopy(net.state_dict())
    else:
        wait += 1
        if wait >= patience:
            break
writer.close()
net.load_state_dict(best_state)
net.eval()
with torch.no_grad():
    phi = net(x[i_test])
    test = nll_mtlr(phi, bins[i_test], ev[i_test]).item()
c = concordance(phi, durations[i_test], events[i_test])
print(f"RESULT epochs {epoch + 1} censored {1 - events.mean():.2f} train {total / (len(perm) // batch_size):.4f} val best {best:.4f} last {val:.4f} test {test:.4f} C-index {c:.3f}")
