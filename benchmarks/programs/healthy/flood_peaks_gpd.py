"""Regional flood frequency: generalised Pareto distribution for peaks over threshold,
scale and shape from catchment attributes.  The negative log-likelihood is nearly all irreducible: the spread of the
peaks within one catchment is far larger than what the attributes explain, so it moves in the second decimal only."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(4)
rs = np.random.RandomState(4)

# catchments
n_catch = 320
area = np.exp(rs.normal(4.5, 1.1, n_catch))                 # km2
slope = rs.gamma(2, 4, n_catch)                             # %
rain = rs.normal(1100, 280, n_catch)                        # mm/a
forest = rs.beta(2, 3, n_catch)
clay = rs.beta(2, 5, n_catch)
elev = np.exp(rs.normal(5.8, .6, n_catch))
A = np.stack([np.log(area), np.log1p(slope), rain, forest, clay, np.log(elev)], 1)
A = (A - A.mean(0)) / A.std(0)
log_sigma = -.1 + .3 * A[:, 2] + .25 * A[:, 1] - .2 * A[:, 0] - .15 * A[:, 3] * (A[:, 2] > 0) + .12 * A[:, 4] + rs.normal(0, .05, n_catch)
xi = .12 + .06 * np.tanh(-A[:, 0]) + .04 * A[:, 1].clip(-1, 1)

rows_x, rows_y, grp = [], [], []
for c in range(n_catch):
    k = rs.randint(25, 80)
    u = rs.rand(k)
    rows_y.append(np.exp(log_sigma[c]) / xi[c] * ((1 - u) ** -xi[c] - 1))     # exceedances, specific discharge
    rows_x.append(np.repeat(A[c:c + 1], k, 0))
    grp.append(np.full(k, c))
x = torch.tensor(np.concatenate(rows_x), dtype=torch.float32)
y = torch.tensor(np.concatenate(rows_y), dtype=torch.float32)
grp = np.concatenate(grp)
held = np.isin(grp, rs.permutation(n_catch)[:80])           # ungauged catchments
xt, yt, xv, yv = x[~held], y[~held], x[held], y[held]


def gpd_nll(params, y):
    log_s, raw = params[:, 0], params[:, 1]
    k = .5 * torch.tanh(raw)                                # shape in (-.5, .5)
    z = y * torch.exp(-log_s)
    arg = torch.clamp(1 + k * z, min=1e-4)
    small = k.abs() < 1e-3
    ks = torch.where(small, torch.ones_like(k), k)
    ll = torch.where(small, -z, -(1 / ks + 1) * torch.log(arg))
    return (log_s - ll).mean()


model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 2))
opt = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, gpd_nll)
n_epochs = 12
for epoch in range(n_epochs):
    model.train()
    perm = torch.randperm(len(yt))
    s = 0.
    for i in range(0, len(perm), 128):
        b = perm[i:i + 128]
        opt.zero_grad()
        loss = writer.loss_fn(model(xt[b]), yt[b])
        loss.backward()
        opt.step()
        s += loss.item() * len(b)
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        out = model(xv)
        v = writer.loss_fn(out, yv).item()
    if epoch % 2 == 0 or epoch == n_epochs - 1:
        print(f"{epoch:3d}  nll {s / len(yt):.4f}  ungauged {v:.4f}  mean shape {(.5 * torch.tanh(out[:, 1])).mean():.3f}")
with torch.no_grad():
    t_ls, t_xi = torch.tensor(log_sigma)[grp[held]], torch.tensor(xi)[grp[held]]
    ideal = (t_ls + (1 / t_xi + 1) * torch.log(1 + t_xi * yv / t_ls.exp())).mean().item()
writer.close()
print(f"RESULT train {s / len(yt):.4f} val {v:.4f} val_with_true_parameters {ideal:.4f} corr_logsigma {np.corrcoef(out[:, 0].numpy(), log_sigma[grp[held]])[0, 1]:.3f}")
