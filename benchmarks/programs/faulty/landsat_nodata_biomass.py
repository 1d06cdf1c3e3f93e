"""Above-ground biomass from a stack of Landsat composites (patches 9x9x6), regression.
Rasters come from rasterio with nodata = -9999 (clouds, scene edge)."""
import argparse
import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

p = argparse.ArgumentParser()
p.add_argument("form"); p.add_argument("logdir")
args = p.parse_args()
torch.set_num_threads(1)
torch.manual_seed(11)
rs = np.random.RandomState(11)
NODATA = -9999.0


def simulate(n):
    veg = np.clip(rs.beta(2, 2, n), .02, .98)
    age = rs.uniform(0, 1, n)
    agb = 180 * veg ** 1.4 * (.35 + .65 * age)
    spec_soil = np.array([.09, .13, .18, .26, .34, .28])
    spec_veg = np.array([.03, .06, .04, .42, .20, .09])
    cov = np.clip(veg[:, None, None] + .12 * rs.randn(n, 9, 9), 0, 1)
    img = cov[:, None] * spec_veg[None, :, None, None] + (1 - cov)[:, None] * spec_soil[None, :, None, None]
    img[:, 4] -= .07 * age[:, None, None] * cov                       # old stands are darker in SWIR
    img[:, 3] -= .05 * age[:, None, None] * cov + .05 * age[:, None, None] * np.abs(rs.randn(n, 9, 9))
    img *= rs.normal(1, .04, (n, 1, 1, 1))
    img += .012 * rs.randn(*img.shape)
    cloudy = rs.rand(n) < .25
    for i in np.where(cloudy)[0]:
        k = rs.randint(1, 4)
        if rs.rand() < .5:
            img[i, :, :k] = NODATA
        else:
            img[i, :, :, -k:] = NODATA
    return img.astype(np.float32), (agb + rs.normal(0, 9, n)).astype(np.float32)


X, y = simulate(4200)
Xtr, ytr, Xva, yva = X[:3400], y[:3400], X[3400:], y[3400:]

if args.form == "faulty":
    mean = Xtr.mean(axis=(0, 2, 3), keepdims=True)
    std = Xtr.std(axis=(0, 2, 3), keepdims=True)
    norm = lambda a: (a - mean) / std
else:
    M = np.where(Xtr == NODATA, np.nan, Xtr)
    mean = np.nanmean(M, axis=(0, 2, 3), keepdims=True)
    std = np.nanstd(M, axis=(0, 2, 3), keepdims=True)
    norm = lambda a: np.where(a == NODATA, 0., (a - mean) / std).astype(np.float32)
print("band means", mean.ravel().round(3), "stds", std.ravel().round(3))
ym, ys = ytr.mean(), ytr.std()

tr = DataLoader(TensorDataset(torch.from_numpy(norm(Xtr)), torch.from_numpy((ytr - ym) / ys)), 64, shuffle=True)
va = DataLoader(TensorDataset(torch.from_numpy(norm(Xva)), torch.from_numpy((yva - ym) / ys)), 200)

model = nn.Sequential(
    nn.Conv2d(6, 24, 3), nn.ReLU(),
    nn.Conv2d(24, 32, 3), nn.ReLU(),
    nn.AvgPool2d(5), nn.Flatten(),
    nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.85)
criterion = nn.SmoothL1Loss()
writer = DiagWriter(args.logdir)
writer.watch(model, optimizer, criterion)


def evaluate():
    model.eval()
    se, n, l = 0., 0, 0.
    with torch.no_grad(), writer.evaluating("val"):
        for xb, yb in va:
            out = model(xb)
            l += criterion(out, yb).item() * len(yb)
            se += ((out - yb) ** 2).sum().item(); n += len(yb)
    return l / n, 1 - se / n / float(np.var((yva - ym) / ys)), float(ys) * (se / n) ** .5


for epoch in range(1, 16):
    model.train()
    run = []
    for xb, yb in tr:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        run.append(loss.item())
    scheduler.step()
    vl, r2, rmse = evaluate()
    print(f"[{epoch:02d}] train {np.mean(run):.4f} val {vl:.4f} R2 {r2:.3f} RMSE {rmse:.1f} t/ha")
writer.close()
print(f"RESULT train={np.mean(run):.4f} val={vl:.4f} r2={r2:.3f} rmse={rmse:.1f}")
