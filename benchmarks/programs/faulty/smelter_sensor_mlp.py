"""Iron quality (silica %) from process sensors. Simulated sheet in the shape of the Kaggle flotation data."""
import sys
import numpy as np, torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1); torch.manual_seed(3); rng = np.random.default_rng(3)

n = 4000
feed = rng.normal(56, 5, n)                 # % iron in feed
starch = rng.normal(2870, 900, n)           # m3/h
amina = rng.normal(490, 80, n)              # m3/h
pulp = rng.normal(398, 10, n)               # t/h
ph = rng.normal(9.8, 0.4, n)
density = rng.normal(1.68, 0.07, n)
airflow = rng.normal(280, 28, n)
level = rng.normal(520, 110, n)
z = lambda v: (v - v.mean()) / v.std()
silica = (2.3 + .5*z(ph) * z(density) - .6*np.tanh(z(feed)) + .4*z(amina) - .35*z(starch)*z(ph)
          + .3*np.abs(z(level)) - .25*z(airflow) + rng.normal(0, .15, n))
X = np.stack([feed, starch, amina, pulp, ph, density, airflow, level], 1).astype("float32")
y = silica.astype("float32")[:, None]
Xtr, Xte, ytr, yte = X[:3200], X[3200:], y[:3200], y[3200:]
if form == "fixed":
    m, s = Xtr.mean(0), Xtr.std(0)
    Xtr, Xte = (Xtr - m) / s, (Xte - m) / s

train_dl = DataLoader(TensorDataset(*map(torch.tensor, (Xtr, ytr))), 64, shuffle=True)
test_dl = DataLoader(TensorDataset(*map(torch.tensor, (Xte, yte))), 256)
net = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
criterion = nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
writer = DiagWriter(logdir); writer.watch(net, opt, criterion)

for epoch in range(60):
    tot = 0
    for xb, yb in train_dl:
        opt.zero_grad()
        loss = criterion(net(xb), yb)
        loss.backward(); opt.step()
        tot += loss.item() * len(xb)
    with writer.evaluating("val"):
        out = [(net(xb), yb) for xb, yb in test_dl]
        val = np.mean([criterion(p, t).item() for p, t in out])
    writer.add_scalar("Loss/train", tot / len(Xtr), epoch); writer.add_scalar("Loss/val", val, epoch)
    if epoch % 10 == 9: print(epoch + 1, tot / len(Xtr), val)
writer.close()
p = torch.cat([a for a, _ in out]).numpy()
print("RESULT test_rmse %.4f r2 %.4f" % (np.sqrt(((p - yte)**2).mean()), 1 - ((p - yte)**2).sum() / ((yte - yte.mean())**2).sum()))
