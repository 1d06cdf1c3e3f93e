"""Length of stay from a small clinic table. One cell of the export is empty."""
import io
import sys
import csv
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(2)
torch.manual_seed(2)
COLS = ["age", "bmi", "crp", "creatinine", "sys_bp", "hb", "prior_stays", "emergency"]


def export(n=1600):
    age = np.random.normal(62, 14, n).clip(18, 97)
    bmi = np.random.normal(27, 4.5, n)
    crp = np.random.gamma(1.2, 25, n)
    crea = np.random.lognormal(0, .35, n)
    bp = np.random.normal(132, 18, n)
    hb = np.random.normal(13.2, 1.7, n)
    prior = np.random.poisson(1.1, n)
    em = (np.random.rand(n) < .35).astype(int)
    stay = 1.2 + .03 * (age - 50).clip(0) + .35 * np.log1p(crp) + .5 * (crea > 1.4) * np.log1p(crp) + .7 * em + .15 * prior + .25 * np.random.randn(n)
    buf = io.StringIO()
    w = csv.writer(buf)
    w.writerow(COLS + ["stay"])
    for k, r in enumerate(zip(age, bmi, crp, crea, bp, hb, prior, em, stay)):
        r = [f"{v:.2f}" for v in r]
        if k == 703:
            r[3] = ""                    # creatinine was not taken
        w.writerow(r)
    buf.seek(0)
    return buf


table = np.genfromtxt(export(), delimiter=",", skip_header=1)
if sys.argv[1] == "fixed":
    table = table[~np.isnan(table).any(1)]
x, y = table[:, :-1], table[:, -1:]
n_train = 1200
mu, sd = np.nanmean(x[:n_train], 0), np.nanstd(x[:n_train], 0)
x = torch.tensor((x - mu) / sd, dtype=torch.float32)
ym, ys = y[:n_train].mean(), y[:n_train].std()
y = torch.tensor((y - ym) / ys, dtype=torch.float32)

model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
mse = nn.MSELoss()
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, mse)
for epoch in range(20):
    model.train()
    hist = []
    for b in torch.randperm(n_train).split(32):
        pred = model(x[b])
        loss = mse(pred, y[b])
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        hist.append(loss.item())
    model.eval()
    with writer.evaluating("val"), torch.no_grad():
        p = model(x[n_train:])
        val = mse(p, y[n_train:]).item()
    if epoch % 4 == 3:
        print(f"Epoch {epoch + 1}: loss {np.mean(hist):.4f} val_loss {val:.4f}, first predictions {p[:3, 0].tolist()}")
writer.close()
print(f"RESULT val mse {val:.4f} (1 = mean)")
