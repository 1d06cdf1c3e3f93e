"""Time to failure of wind turbine gearboxes with right censoring.
Weibull model with covariate-dependent scale and shape (as in WTTE-RNN, without the RNN). Likelihood by hand."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
SEED = 3
rs = np.random.RandomState(SEED)
torch.manual_seed(SEED)

N = 8000
x = rs.randn(N, 8)
x[:, 3] = (rs.rand(N) < .3)
log_scale = 1.2 + .5 * x[:, 0] - .4 * np.maximum(x[:, 1], 0) - .6 * x[:, 3] + .3 * x[:, 4] * x[:, 5]
shape = np.where(x[:, 3] > 0, 1.1, 2.2)
t_event = np.exp(log_scale) * rs.weibull(shape)
t_cens = rs.exponential(8., N)
time, event = np.minimum(t_event, t_cens).clip(.01), (t_event <= t_cens).astype(float)
x = (x - x.mean(0)) / x.std(0)
as_t = lambda a: torch.tensor(a, dtype=torch.float32)
tr, va = slice(0, 6400), slice(6400, N)


class WeibullNet(nn.Module):
    def __init__(self, d, h=32):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(d, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Dropout(.1))
        self.out = nn.Linear(h, 2)

    def forward(self, x):
        a, b = self.out(self.body(x)).unbind(1)
        return a, nn.functional.softplus(b + .5) + .05         # log scale, shape


def weibull_nll(pred, target):
    (ls, k), (t, d) = pred, target.unbind(1)
    z = k * (t.log() - ls)
    return -(d * (k.log() - t.log() + z) - z.exp()).mean()


model = WeibullNet(8)
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
ds = torch.utils.data.TensorDataset(as_t(x[tr]), as_t(np.c_[time[tr], event[tr]]))
loader = torch.utils.data.DataLoader(ds, batch_size=64, shuffle=True)
xv, yv = as_t(x[va]), as_t(np.c_[time[va], event[va]])
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, weibull_nll)

best, wait, patience = float("inf"), 0, 6
for epoch in range(40):
    model.train()
    tot = 0.
    for xb, yb in loader:
        loss = writer.loss_fn(model(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        tot += loss.item() / len(loader)
    with writer.evaluating("val"):
        val = writer.loss_fn(model(xv), yv).item()
    if val < best - 1e-4:
        best, wait, state = val, 0, {k: v.clone() for k, v in model.state_dict().items()}
    else:
        wait += 1
        if wait >= patience:
            print("early stop", epoch)
            break
writer.close()
model.load_state_dict(state); model.eval()
with torch.no_grad():
    risk = -model(xv)[0].numpy()
T, E = time[va], event[va]
comp = (E[:, None] > 0) & (T[:, None] < T[None])
cidx = (comp * (risk[:, None] > risk[None])).sum() / comp.sum()
oracle = weibull_nll((as_t(log_scale[va]), as_t(shape[va])), yv).item()
print(f"RESULT epochs {epoch + 1} train {tot:.3f} val {val:.3f} best {best:.3f} true model {oracle:.3f} c-index {cidx:.3f} censored {1 - event.mean():.2f}")
