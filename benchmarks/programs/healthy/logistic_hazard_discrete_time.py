"""Discrete-time survival with the logistic hazard (havakv/pycox, examples 01_introduction), early stopping."""
import sys
import copy
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(1234)
torch.manual_seed(123)


def metabric_like(n, rng):
    """Nine covariates (4 gene markers, 4 binary treatments, age) with months to death or censoring."""
    g = rng.multivariate_normal(np.zeros(4), 0.35 * np.ones((4, 4)) + 0.65 * np.eye(4), n)
    age = rng.normal(61, 12, n)
    b = (rng.random((n, 4)) < [0.55, 0.6, 0.2, 0.75]).astype(float)
    eta = 0.35 * g[:, 0] - 0.25 * g[:, 1] * b[:, 0] + 0.5 * ((age - 61) / 12) + 0.18 * ((age - 61) / 12) ** 2 - 0.4 * b[:, 2] + 0.3 * b[:, 3] - 0.25 * np.tanh(2 * g[:, 2])
    t = 140 * rng.weibull(1.3, n) * np.exp(-eta / 1.3)
    c = rng.uniform(20, 330, n)
    return np.column_stack([g, b, age]), np.minimum(t, c), (t <= c).astype(int)


rng = np.random.default_rng(3)
x, dur, ev = metabric_like(3200, rng)
cols_standardize = [0, 1, 2, 3, 8]
tr, va, te = slice(0, 2200), slice(2200, 2700), slice(2700, 3200)
mu, sd = x[tr][:, cols_standardize].mean(0), x[tr][:, cols_standardize].std(0)
x[:, cols_standardize] = (x[:, cols_standardize] - mu) / sd
x = torch.tensor(x.astype('float32'))
num_durations = 10
cuts = np.linspace(0, dur[tr].max(), num_durations)
idx = np.clip(np.searchsorted(cuts, dur, side='left'), 1, num_durations - 1)
idx = torch.tensor(np.where(ev == 1, idx, idx - 1))
ev_t = torch.tensor(ev.astype('float32'))


class NLLLogistiHazardLoss(nn.Module):
    def forward(self, phi, idx_durations, events):
        events = events.view(-1, 1)
        idx_durations = idx_durations.view(-1, 1)
        y_bce = torch.zeros_like(phi).scatter(1, idx_durations, events)
        bce = F.binary_cross_entropy_with_logits(phi, y_bce, reduction='none')
        loss = bce.cumsum(1).gather(1, idx_durations).view(-1)
        return loss.mean()


net = nn.Sequential(nn.Linear(9, 32), nn.ReLU(), nn.BatchNorm1d(32), nn.Dropout(0.1),
                    nn.Linear(32, 32), nn.ReLU(), nn.BatchNorm1d(32), nn.Dropout(0.1),
                    nn.Linear(32, num_durations))
loss_fn = NLLLogistiHazardLoss()
optimizer = torch.optim.Adam(net.parameters(), 0.005)
writer = DiagWriter(sys.argv[1])
writer.watch(net, optimizer, loss_fn)
batch_size, epochs, best, patience = 128, 100, 9.0, 0
for epoch in range(epochs):
    net.train()
    losses = []
    for b in torch.randperm(2200).split(batch_size):
        optimizer.zero_grad()
        loss = loss_fn(net(x[tr][b]), idx[tr][b], ev_t[tr][b])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with writer.evaluating("val"):
        val = loss_fn(net(x[va]), idx[va], ev_t[va]).item()
    print(f"{epoch}: train_loss: {np.mean(losses):.4f}, val_loss: {val:.4f}")
    if val < best:
        best, patience, state = val, 0, copy.deepcopy(net.state_dict())
    else:
        patience += 1
        if patience >= 6:                       # tt.callbacks.EarlyStopping()
            break
net.load_state_dict(state)
net.eval()
with torch.no_grad():
    surv = (1 - net(x[te]).sigmoid()).add(1e-7).log().cumsum(1).exp().numpy()
    tl = loss_fn(net(x[te]), idx[te], ev_t[te]).item()
risk = -surv.sum(1)
d, e = dur[te], ev[te]
comp = (d[:, None] < d[None]) & (e[:, None] == 1)
print(f"epochs {epoch + 1} best val {best:.4f} test loss {tl:.4f} C {((risk[:, None] > risk[None]) & comp).sum() / comp.sum():.4f}")
writer.close()
