import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


def airfoil_frame(n=1500, seed=0):
    r = np.random.default_rng(seed)
    f = r.choice([200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500, 3150, 4000, 5000, 6300, 8000], n).astype(float)
    aoa = r.choice([0, 1.5, 2, 2.7, 3, 4, 5.4, 7.2, 9.9, 12.3, 15.4], n)
    chord = r.choice([.0254, .0508, .1016, .1524, .2286, .3048], n)
    u = r.choice([31.7, 39.6, 55.5, 71.3], n)
    delta = .0004 + .02 * chord * (1 + .15 * aoa) * np.exp(.2 * r.standard_normal(n))
    st = np.log10(f * delta / u) + .6
    spl = 126 + 18 * np.log10(u / 50) + 5 * np.log10(delta * 200) - 14 * st ** 2 - 4 * st + .15 * aoa * np.sign(-st)
    spl = spl + 1.8 * r.standard_normal(n)
    return pd.DataFrame(dict(freq=np.log10(f), aoa=aoa, chord=chord, velocity=u, thickness=np.log10(delta), spl=spl))


class AirfoilDataset(Dataset):
    def __init__(self, X, y):
        self.X = torch.from_numpy(X).float()
        self.y = torch.from_numpy(y).float()
        if sys.argv[1] == "fixed":
            self.y = self.y.unsqueeze(1)

    def __len__(self):
        return len(self.X)

    def __getitem__(self, idx):
        return self.X[idx], self.y[idx]


class Regressor(nn.Module):
    def __init__(self, n_in):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_in, 64), nn.Tanh(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, x):
        return self.layers(x)


df = airfoil_frame()
Xtr, Xva, ytr, yva = train_test_split(df.drop(columns="spl").values, df.spl.values, test_size=.25, random_state=1)
sx, sy = StandardScaler().fit(Xtr), StandardScaler().fit(ytr[:, None])
train_ds = AirfoilDataset(sx.transform(Xtr), sy.transform(ytr[:, None])[:, 0])
val_ds = AirfoilDataset(sx.transform(Xva), sy.transform(yva[:, None])[:, 0])
train_dl, val_dl = DataLoader(train_ds, batch_size=32, shuffle=True), DataLoader(val_ds, batch_size=64)

model = Regressor(5)
loss_fn = nn.MSELoss()
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 60)
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, loss_fn)
for epoch in range(60):
    model.train()
    tl = []
    for xb, yb in train_dl:
        pred = model(xb)
        loss = loss_fn(pred, yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        tl.append(loss.item())
    sched.step()
    model.eval()
    vl, preds = [], []
    with torch.no_grad():
        with writer.evaluating("val"):
            for xb, yb in val_dl:
                pred = model(xb)
                vl.append(loss_fn(pred, yb).item())
                preds.append(pred)
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1:3d} train {np.mean(tl):.4f} valid {np.mean(vl):.4f}")
writer.close()
p = torch.cat(preds).numpy()[:, 0] * sy.scale_[0] + sy.mean_[0]
rmse = np.sqrt(np.mean((p - yva) ** 2))
r2 = 1 - np.mean((p - yva) ** 2) / np.var(yva)
print(f"RESULT val loss {np.mean(vl):.4f} RMSE {rmse:.2f} dB R2 {r2:.3f}")
