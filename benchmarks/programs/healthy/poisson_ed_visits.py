# Emergency department arrivals per hour. GLM course, week 6: "from the Poisson GLM to a Poisson network".
# log link, PoissonNLLLoss(log_input=True), compared with the GLM's deviance.
import math, sys
import numpy as np, torch
from torch import nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
rng = np.random.default_rng(7); torch.manual_seed(7)

hours = np.arange(24 * 400)
hour, dow, doy = hours % 24, (hours // 24) % 7, (hours / 24) % 365
temp = 12 - 9 * np.cos(2 * np.pi * doy / 365) + np.convolve(rng.normal(0, 1.2, len(hours)), np.ones(24) / 5, 'same')
flu = np.exp(-((doy - 40) / 25) ** 2)
eta = 1.3 + .75 * np.sin(2 * np.pi * (hour - 9) / 24) + .2 * (dow >= 5) * (hour < 5) * 3 + .5 * flu + .012 * np.maximum(temp - 22, 0) ** 1.3 + .15 * (dow == 0)
y = rng.poisson(np.exp(eta)).astype(np.float32)
X = np.stack([np.sin(2 * np.pi * hour / 24), np.cos(2 * np.pi * hour / 24), np.sin(4 * np.pi * hour / 24), np.cos(4 * np.pi * hour / 24),
              (temp - temp.mean()) / temp.std(), np.sin(2 * np.pi * doy / 365), np.cos(2 * np.pi * doy / 365)] + [dow == d for d in range(7)], 1).astype(np.float32)
idx = rng.permutation(len(y)); n_val = len(y) // 5
va, tr = idx[:n_val], idx[n_val:]
Xtr, ytr, Xva, yva = map(torch.from_numpy, (X[tr], y[tr], X[va], y[va]))

net = nn.Sequential(nn.Linear(14, 32), nn.Softplus(), nn.Linear(32, 32), nn.Softplus(), nn.Linear(32, 1), nn.Flatten(0))
with torch.no_grad():
    net[4].bias.fill_(math.log(ytr.mean()))          # start from the mean rate, as a GLM would
loss_fn = nn.PoissonNLLLoss(log_input=True, full=True)
opt = torch.optim.Adam(net.parameters(), lr=2e-2)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 30)
w = DiagWriter(sys.argv[1]); w.watch(net, opt, loss_fn)

def deviance(mu, y):
    return (2 * (torch.xlogy(y, y / mu) - (y - mu))).mean().item()

for ep in range(30):
    net.train()
    for b in torch.randperm(len(ytr)).split(128):
        opt.zero_grad()
        loss_fn(net(Xtr[b]), ytr[b]).backward()
        opt.step()
    sched.step()
    with w.evaluating("val"):
        net.eval()
        lam = net(Xva); vl = loss_fn(lam, yva).item()
    print(ep, round(vl, 4), 'deviance', round(deviance(lam.exp(), yva), 4))
w.close()
with torch.no_grad():
    tl = loss_fn(net(Xtr), ytr).item(); true = loss_fn(torch.from_numpy(eta[va]).float(), yva).item()
print(f"RESULT train {tl:.4f} val {vl:.4f} (true rate {true:.4f}) null deviance {deviance(ytr.mean(), yva):.3f} deviance {deviance(lam.exp(), yva):.3f}")
