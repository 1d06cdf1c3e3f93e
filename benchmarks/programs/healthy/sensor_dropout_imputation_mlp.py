# Virtual sensor: a broken NOx sensor of a gas turbine is replaced by an MLP over the 10 others (rows with NaN imputed + mask)
import sys, numpy as np, torch
from torch import nn
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler
from sklearn.pipeline import make_pipeline
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(2); rng = np.random.default_rng(2)

n = 6000
ambient = 17 + 8*np.sin(rng.uniform(0, 6.28, n)) + rng.normal(0, 2, n)
press = rng.normal(1013, 6, n)
hum = np.clip(75 - 1.2*(ambient-17) + rng.normal(0, 10, n), 20, 100)
load = np.clip(rng.choice([.6, .75, .9, 1.], n, p=[.15, .25, .4, .2]) + rng.normal(0, .03, n), .4, 1.05)
tit = 1000 + 100*load + rng.normal(0, 4, n)
tat = 550 - 25*(load-.8)**2*40 + rng.normal(0, 2, n)
cdp = 8 + 6*load - .02*(ambient-17) + rng.normal(0, .1, n)
tey = 160*load - .5*(ambient-15) + rng.normal(0, 1, n)
gtep = 20 + 12*load + rng.normal(0, .5, n)
afdp = 3.5 + rng.gamma(4, .2, n)
nox = 65 + 40*(load-.8)**2*8 - .9*(ambient-17) - .12*(hum-75) + 9*np.maximum(load-.93, 0)*10 + 6*np.sin((afdp-4)*2)*load + rng.normal(0, 3.2, n)
X = np.stack([ambient, press, hum, load*100, tit, tat, cdp, tey, gtep, afdp], 1)
X[rng.random(X.shape) < .04] = np.nan
y = (nox - 65)/10

cut = rng.permutation(n); tr, va = cut[:4800], cut[4800:]
pipe = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
Xtr = torch.tensor(pipe.fit_transform(X[tr]), dtype=torch.float32); Xva = torch.tensor(pipe.transform(X[va]), dtype=torch.float32)
ytr = torch.tensor(y[tr], dtype=torch.float32); yva = torch.tensor(y[va], dtype=torch.float32)

net = nn.Sequential(nn.Linear(Xtr.shape[1], 64), nn.SiLU(), nn.Linear(64, 32), nn.SiLU(), nn.Linear(32, 1), nn.Flatten(0))
opt = torch.optim.RMSprop(net.parameters(), lr=2e-3)
sched = torch.optim.lr_scheduler.PolynomialLR(opt, total_iters=15, power=1.0)
lossf = nn.MSELoss()
w = DiagWriter(sys.argv[1]); w.watch(net, opt, lossf)
epochs = 15
for e in range(epochs):
    net.train(); s = 0
    for i in torch.randperm(4800).split(64):
        opt.zero_grad(); l = lossf(net(Xtr[i]), ytr[i]); l.backward(); opt.step(); s += l.item()*len(i)/4800
    if e < 14: sched.step()
    net.eval()
    with torch.no_grad(), w.evaluating("val"): v = lossf(net(Xva), yva).item()
    print(e, f"{s:.4f} {v:.4f}")
w.close()
print(f"RESULT train={s:.4f} val={v:.4f} R2={1-v/yva.var().item():.3f} noise={.32**2:.4f}")
