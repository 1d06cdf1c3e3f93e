# Pure premium of motor policies with the Tweedie deviance (p = 1.5): 93 % zeros and a few enormous claims, exposure as weight (freMTPL2 tutorial, as a net)
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.RandomState(0)
n = 24000
age = rng.randint(18, 85, n)
veh_age = rng.exponential(6, n).astype(int).clip(0, 25)
power = rng.randint(4, 13, n)
bm = (50 + rng.exponential(12, n)).clip(50, 180)
dens = rng.lognormal(6, 1.8, n)
area = rng.randint(0, 6, n)
expo = rng.beta(1.5, 1., n).clip(.05)
lam = np.exp(-2.7 + .9 * np.exp(-(age - 18) / 7.) + .018 * (bm - 60) + .14 * (np.log(dens) - 6) + .04 * (power - 6) + .1 * (area - 2.5))
k = rng.poisson(lam * expo)
sev = np.array([rng.gamma(1.3, 900 * np.exp(.03 * p - .02 * v), c).sum() if c else 0. for c, p, v in zip(k, power, veh_age)])
y = np.minimum(sev, 30000) / expo / 100.        # in hundreds, per year
num = np.stack([age, veh_age, power, np.log(bm), np.log(dens)], 1)
num = (num - num.mean(0)) / num.std(0)
X = np.concatenate([num, np.eye(6)[area]], 1)
print("zeros %.3f, mean %.2f, max %.0f" % ((y == 0).mean(), np.average(y, weights=expo), y.max()))
t = lambda a: torch.tensor(a, dtype=torch.float32)
tr = TensorDataset(t(X[:19000]), t(y[:19000]), t(expo[:19000]))
va = [t(a[19000:]) for a in (X, y, expo)]


class TweedieDeviance(nn.Module):
    def __init__(self, p=1.5):
        super().__init__()
        self.p = p

    def forward(self, log_mu, y, w):
        p = self.p
        dev = -y * torch.exp(log_mu * (1 - p)) / (1 - p) + torch.exp(log_mu * (2 - p)) / (2 - p)
        return (w * dev).sum() / w.sum()


class Premium(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(11, 20), nn.Tanh(), nn.Linear(20, 10), nn.Tanh(), nn.Linear(10, 1))
        nn.init.zeros_(self.net[-1].weight)                       # start from the homogeneous model
        nn.init.constant_(self.net[-1].bias, float(np.log(np.average(y[:19000], weights=expo[:19000]))))

    def forward(self, x):
        return self.net(x).squeeze(1)


model, dev = Premium(), TweedieDeviance()
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
sched = torch.optim.lr_scheduler.ExponentialLR(opt, .8)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, dev)
with torch.no_grad():
    base = dev(model(va[0]), va[1], va[2]).item()
for epoch in range(12):
    model.train()
    s = []
    for xb, yb, wb in DataLoader(tr, 256, shuffle=True):
        loss = dev(model(xb), yb, wb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        s.append(loss.item())
    sched.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        v = dev(model(va[0]), va[1], va[2]).item()
    print(f"epoch {epoch + 1} train {np.mean(s):.4f} val {v:.4f} (homogeneous {base:.4f})")
writer.close()
o = model(va[0]).detach().exp().numpy()
srt = np.argsort(o)
lor = np.cumsum((va[1] * va[2]).numpy()[srt]); lor = lor / lor[-1]
print(f"RESULT train={np.mean(s):.4f} val={v:.4f} homogeneous={base:.4f} gini={1 - 2 * lor.mean():.4f}")
