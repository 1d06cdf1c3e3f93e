# Mixture cure model: logistic "cured or not" + Weibull latency for those who are not, both from one small net.
# More than three quarters of the patients are censored; this is what the cure model is for. The log-likelihood of the raw times
# (in months) is all there is, there is no accuracy to look at; C-index of the noisy data is about 0.75 at best.
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
rng = np.random.default_rng(13)
torch.manual_seed(13)


def cohort(n):
    age = rng.normal(58, 11, n)
    stage = rng.choice([1, 2, 3, 4], n, p=[.35, .3, .2, .15])
    marker = np.exp(rng.normal(0.3 * stage, 0.6))
    treat = rng.integers(0, 2, n)
    z = (age - 58) / 11
    logit = -0.9 + 0.75 * (stage - 2) + 0.3 * z - 0.8 * treat
    uncured = rng.random(n) < 1 / (1 + np.exp(-logit))
    scale = np.exp(3.4 - 0.25 * (stage - 2) - 0.2 * np.log(marker) + 0.3 * treat)
    T = np.where(uncured, scale * rng.weibull(1.4, n), 1e9)
    C = np.minimum(rng.exponential(160, n), rng.uniform(36, 120, n))
    x = np.stack([z, stage == 2, stage == 3, stage == 4, np.log(marker), treat], 1)
    return x.astype("float32"), np.minimum(T, C).astype("float32"), (T <= C).astype("float32")


class CureNet(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(d, 16), nn.SELU(), nn.Linear(16, 16), nn.SELU(), nn.Dropout(0.1))
        self.logit = nn.Linear(16, 1)
        self.log_scale = nn.Linear(16, 1)
        self.log_shape = nn.Parameter(torch.zeros(1))
        nn.init.constant_(self.log_scale.bias, 3.5)     # a few years, in months

    def forward(self, x):
        h = self.body(x)
        return self.logit(h).squeeze(1), self.log_scale(h).squeeze(1), self.log_shape


def cure_nll(out, t, event):
    logit, log_scale, log_shape = out
    k = log_shape.exp()
    lt = torch.log(t.clamp(min=1e-2)) - log_scale
    H = torch.exp(k * lt)
    log_f = F.logsigmoid(logit) + log_shape + (k - 1) * lt - log_scale - H
    log_S = torch.logaddexp(F.logsigmoid(-logit), F.logsigmoid(logit) - H)
    return -(event * log_f + (1 - event) * log_S).mean()


xtr, ttr, etr = map(torch.tensor, cohort(3000))
xva, tva, eva = map(torch.tensor, cohort(1000))
print(f"events: train {etr.mean():.3f} val {eva.mean():.3f}")
loader = DataLoader(TensorDataset(xtr, ttr, etr), batch_size=64, shuffle=True)
model = CureNet(6)
optim = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-4)
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optim, factor=0.3, patience=3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optim, cure_nll)

for epoch in range(20):
    model.train()
    run = 0.
    for x, t, e in loader:
        optim.zero_grad()
        loss = writer.loss_fn(model(x), t, e)
        loss.backward()
        optim.step()
        run += loss.item() * len(x)
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(xva)
        val = writer.loss_fn(out, tva, eva).item()
    plateau.step(val)
    if epoch % 5 == 4:
        print(f"[{epoch+1:02d}] train {run / len(xtr):.4f} val {val:.4f} shape {model.log_shape.exp().item():.3f} lr {optim.param_groups[0]['lr']:.1e}")

with torch.no_grad():
    risk = out[0].sigmoid() * (1 - torch.exp(-(60 / out[1].exp()) ** out[2].exp()))
    comparable = (tva[:, None] < tva[None]) & (eva[:, None] == 1)
    c = ((risk[:, None] > risk[None]) & comparable).sum() / comparable.sum()
    null = min(cure_nll((torch.full_like(tva, a), torch.full_like(tva, b), torch.tensor(0.3)), tva, eva).item()
               for a in np.linspace(-2, 1, 25) for b in np.linspace(2.5, 5, 25))
writer.close()
print(f"RESULT val_nll={val:.4f} without_covariates={null:.4f} c_index={c:.3f} shape={model.log_shape.exp().item():.3f}")
