# Neural-network potential: total energy (in eV, about -2700) of small metal clusters from symmetry functions
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import r2_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
mode, logdir = sys.argv[1:3]
torch.manual_seed(11)
rs = np.random.RandomState(11)

# --- geometries: 13 atoms, relaxed icosahedron-like shells with thermal noise
def cluster(T):
    base = rs.normal(size=(12, 3))
    base = ICO * 2.75 * (1 + .04 * rs.normal()) + rs.normal(0, .09 + .12 * T, (12, 3))
    return np.vstack([np.zeros(3), base])

phi = (1 + 5 ** .5) / 2
ICO = np.array([(0, s * 1, t * phi) for s in (-1, 1) for t in (-1, 1)] + [(s * 1, t * phi, 0) for s in (-1, 1) for t in (-1, 1)]
               + [(s * phi, 0, t * 1) for s in (-1, 1) for t in (-1, 1)], float)
ICO /= np.linalg.norm(ICO[0])

def energy(r):
    d = np.linalg.norm(r[:, None] - r[None], axis=-1)
    iu = np.triu_indices(13, 1)
    rep = (.21 * np.exp(-10.2 * (d[iu] / 2.88 - 1))).sum() * 2
    dm = d + np.eye(13) * 99
    bond = -np.sqrt((1.79 ** 2 * np.exp(-2 * 4.0 * (dm / 2.88 - 1))).sum(1)).sum()
    return -2650.0 + bond + rep

def g2(r, etas=(.05, .4, 1.5, 4.), rs_=(2.2, 2.8, 3.4, 4.2)):
    d = np.linalg.norm(r[:, None] - r[None], axis=-1)
    iu = np.triu_indices(13, 1)
    d = d[iu]
    fc = .5 * (np.cos(np.pi * np.minimum(d, 7) / 7) + 1)
    return [float((np.exp(-e * (d - s) ** 2) * fc).sum()) for e in etas for s in rs_]

E, G = [], []
while len(E) < 3000:
    r = cluster(rs.rand())
    e = energy(r)
    if e < -2600:
        E.append(e + rs.normal(0, .3)); G.append(g2(r))       # SCF noise
G, E = np.array(G), np.array(E)[:, None]
n_tr = 2400
lo, hi = G[:n_tr].min(0), G[:n_tr].max(0)
G = 2 * (G - lo) / (hi - lo) - 1                     # inputs to [-1, 1]
if mode == "faulty":
    t = E
else:
    emin, emax = E[:n_tr].min(), E[:n_tr].max()
    t = (E - emin) / (emax - emin)                   # targets to [0, 1]
X, Y = torch.tensor(G, dtype=torch.float32), torch.tensor(t, dtype=torch.float32)
Xtr, Ytr, Xva, Yva = X[:n_tr], Y[:n_tr], X[n_tr:], Y[n_tr:]

net = nn.Sequential(nn.Linear(16, 20), nn.Tanh(), nn.Linear(20, 20), nn.Tanh(), nn.Linear(20, 1))
for m in net:
    if isinstance(m, nn.Linear):
        nn.init.xavier_normal_(m.weight)
        nn.init.zeros_(m.bias)
mse = nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=0.01)
sched = torch.optim.lr_scheduler.ExponentialLR(opt, .97)

w = DiagWriter(logdir)
w.watch(net, opt, mse)
for epoch in range(80):
    net.train()
    idx = torch.randperm(n_tr)
    for b in idx.split(32):
        opt.zero_grad()
        l = mse(net(Xtr[b]), Ytr[b])
        l.backward()
        opt.step()
    sched.step()
    net.eval()
    with torch.no_grad():
        with w.evaluating("val"):
            p = net(Xva)
            vl = mse(p, Yva).item()
    if epoch % 10 == 9:
        print("epoch", epoch + 1, "train", round(l.item(), 5), "val", round(vl, 5))
w.close()
print(f"RESULT val_mse {vl:.5f} r2 {r2_score(Yva.numpy(), p.numpy()):.3f} pred_std/target_std {p.std().item() / Yva.std().item():.3f}")
