"""TARNet (Shalit et al., clinicalml/cfrnet; claudiashi57/dragonnet for the settings): shared representation, one head per treatment arm."""
import sys, copy
import numpy as np
import torch, torch.nn as nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)

class Baseline_TARNet(nn.Module):
    def __init__(self, d, rep=64, hyp=32):
        super().__init__()
        self.phi = nn.Sequential(nn.Linear(d, rep), nn.ELU(), nn.Linear(rep, rep), nn.ELU(), nn.Linear(rep, rep), nn.ELU())
        head = lambda: nn.Sequential(nn.Linear(rep, hyp), nn.ELU(), nn.Linear(hyp, 1))
        self.y0, self.y1 = head(), head()
    def forward(self, x):
        r = self.phi(x)
        return torch.cat([self.y0(r), self.y1(r)], 1)

def regression_loss(concat_pred, concat_true):
    y, t = concat_true[:, 0], concat_true[:, 1]
    return ((1. - t) * (y - concat_pred[:, 0]) ** 2 + t * (y - concat_pred[:, 1]) ** 2).mean()

def ihdp_like(n, rng):
    xc = rng.normal(size=(n, 6)); xb = (rng.random((n, 19)) < .4).astype(float)
    x = np.concatenate([xc, (xb - .4) / .49], 1)
    beta = np.random.RandomState(0).choice([0, .1, .2, .3, .4], 25, p=[.6, .1, .1, .1, .1])
    t = (rng.random(n) < 1 / (1 + np.exp(1.2 + .6 * xc[:, 0] - .5 * xc[:, 1]))).astype(float)      # treated are few and different
    mu0, mu1 = np.exp(.5 * ((x + .5) @ beta)).clip(0, 15), (x @ beta) * 1.5 + 4
    y = np.where(t > 0, mu1, mu0) + rng.normal(size=n)
    return x, t, y, mu0, mu1

rng = np.random.default_rng(4); torch.manual_seed(4)
x, t, y, m0, m1 = ihdp_like(2000, rng)
xt, tt, yt, m0t, m1t = ihdp_like(800, rng)
ys, yd = y.mean(), y.std()                                              # y_scaler
F32 = lambda a: torch.tensor(a, dtype=torch.float32)
X, Y = F32(x), F32(np.stack([(y - ys) / yd, t], 1))
n_val = 450
model = Baseline_TARNet(25)
sgd_lr, batch_size = 1e-2, 64
groups = [{'params': model.phi.parameters(), 'weight_decay': 0.}, {'params': [*model.y0.parameters(), *model.y1.parameters()], 'weight_decay': 1e-2}]
opt = torch.optim.SGD(groups, lr=sgd_lr, momentum=0.9, nesterov=True)
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, factor=0.5, patience=5)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, regression_loss)
best, wait = np.inf, 0
for epoch in range(80):
    model.train(); tl = 0
    for b in (n_val + torch.randperm(len(X) - n_val)).split(batch_size):
        opt.zero_grad()
        loss = regression_loss(model(X[b]), Y[b])
        loss.backward(); opt.step(); tl += loss.item() * len(b) / (len(X) - n_val)
    model.eval()
    with torch.no_grad(): vl = regression_loss(model(X[:n_val]), Y[:n_val]).item()
    writer.add_loss('val', vl)
    plateau.step(vl)
    if epoch % 5 == 0: print(epoch, round(tl, 4), round(vl, 4), opt.param_groups[0]['lr'])
    if vl < best - 1e-4: best, wait, keep = vl, 0, copy.deepcopy(model.state_dict())
    else:
        wait += 1
        if wait >= 15: print('early stopping', epoch); break
writer.close(); model.load_state_dict(keep)
with torch.no_grad(): p = model(F32(xt)).numpy() * yd + ys
pehe = np.sqrt((((p[:, 1] - p[:, 0]) - (m1t - m0t)) ** 2).mean())
print(f'RESULT train {tl:.4f} val {vl:.4f} best {best:.4f} noise floor {1 / yd ** 2:.4f}; PEHE {pehe:.3f} (constant effect {np.std(m1t - m0t):.3f})')
