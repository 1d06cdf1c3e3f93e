# kaggle-like: sale price from the features of the house
import sys, numpy as np, torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader, random_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(0); rng = np.random.default_rng(0)

n = 2600
area = rng.gamma(9, 12, n); rooms = np.clip(np.round(area / 25 + rng.normal(0, 1, n)), 1, 9)
age = rng.uniform(0, 90, n); dist = rng.gamma(2, 5, n); floor = rng.integers(0, 12, n); garden = rng.random(n) < .3
price = 1500 * area * np.exp(-dist / 30) * (1 - .004 * age + .00003 * age ** 2) + 12000 * rooms + 30000 * garden + 2500 * floor
price *= np.exp(.06 * rng.normal(size=n))
feats = StandardScaler().fit_transform(np.stack([area, rooms, age, dist, floor, garden], 1))
target = price[:, None]
if sys.argv[1] == "fixed":
    target = StandardScaler().fit_transform(target)

ds = TensorDataset(torch.tensor(feats, dtype=torch.float32), torch.tensor(target, dtype=torch.float32))
train_ds, val_ds = random_split(ds, [2100, 500])
train_dl, val_dl = DataLoader(train_ds, 32, shuffle=True), DataLoader(val_ds, 250)

def block(i, o): return nn.Sequential(nn.Linear(i, o), nn.ReLU())
net = nn.Sequential(block(6, 64), block(64, 32), nn.Linear(32, 1))
loss_fn = nn.MSELoss()
optim = torch.optim.Adam(net.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2]); writer.watch(net, optim, loss_fn, train_loader=train_dl)

def r2():
    P, Y = zip(*[(net(a), b) for a, b in val_dl]); P, Y = torch.cat(P), torch.cat(Y)
    return 1 - ((P - Y) ** 2).mean().item() / Y.var().item()

for ep in range(25):
    net.train(); s = 0.
    for a, b in train_dl:
        optim.zero_grad()
        l = loss_fn(net(a), b)
        l.backward(); optim.step()
        s += l.item() / len(train_dl)
    with writer.evaluating("val"):
        v = np.mean([loss_fn(net(a), b).item() for a, b in val_dl])
    if ep % 4 == 0: print(ep, "%.4g %.4g" % (s, v))
writer.close()
with torch.no_grad():
    print("RESULT train %.4g val %.4g R2 %.3f" % (s, v, r2()))
