"""Predict life expectancy of countries (WHO style table), PyTorch homework solution."""
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.metrics import r2_score, mean_absolute_error
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)


def make_table():
    r = np.random.default_rng(11)
    rows = []
    for c in range(183):
        dev = r.normal()
        hiv_c = r.exponential(2.0) * (dev < 0)
        for year in range(2000, 2016):
            d = dev + 0.03 * (year - 2007) + r.normal(0, .15)
            gdp = np.exp(8 + 1.3 * d + r.normal(0, .5))
            row = dict(Status="Developed" if dev > 1.0 else "Developing", Year=year,
                       AdultMortality=max(1., 165 - 60 * d + 20 * hiv_c + r.normal(0, 45)),
                       InfantDeaths=r.poisson(np.exp(2.3 - d)), Alcohol=max(.01, 4.6 + 2 * d + r.normal(0, 3)),
                       HepatitisB=np.clip(81 + 8 * d + r.normal(0, 20), 2, 99), BMI=np.clip(38 + 10 * d + r.normal(0, 14), 2, 77),
                       Polio=np.clip(83 + 8 * d + r.normal(0, 18), 3, 99), HIV=hiv_c * np.exp(r.normal(0, .3)) + .1,
                       GDP=gdp, Thinness=np.clip(5 - 2.5 * d + r.normal(0, 2), .1, 27),
                       Income=np.clip(.63 + .14 * d + r.normal(0, .04), .2, .95), Schooling=np.clip(12 + 2.4 * d + r.normal(0, 1.2), 0, 21))
            row["LifeExpectancy"] = (69.5 + 5.5 * np.tanh(.9 * d) + 2 * (row["Income"] - .63) / .15 - 2.6 * np.sqrt(row["HIV"])
                                     - .012 * (row["AdultMortality"] - 165) + .1 * (row["Schooling"] - 12) ** 2 / 4 + r.normal(0, 2.0))
            rows.append(row)
    df = pd.DataFrame(rows)
    for col in ("Alcohol", "HepatitisB", "GDP", "Schooling"):
        df.loc[r.random(len(df)) < .08, col] = np.nan
    return df


df = make_table()
df = df.fillna(df.mean(numeric_only=True))
df = pd.get_dummies(df, columns=["Status"], drop_first=True)

y = df.pop("LifeExpectancy").values.reshape(-1, 1)
X = df.values.astype(float)
X_tr, X_te, y_tr, y_te = train_test_split(X, y, test_size=0.2, random_state=1)
sx, sy = StandardScaler().fit(X_tr), StandardScaler().fit(y_tr)
t = lambda a: torch.tensor(a, dtype=torch.float32)
X_tr, X_te, y_tr_s, y_te_s = t(sx.transform(X_tr)), t(sx.transform(X_te)), t(sy.transform(y_tr)), t(sy.transform(y_te))

net = nn.Sequential(
    nn.Linear(X_tr.shape[1], 64), nn.ReLU(),
    nn.Linear(64, 32), nn.ReLU(),
    nn.Linear(32, 1),
)
loss_fn = nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=1e-3)

w = DiagWriter(sys.argv[1])
w.watch(net, opt, loss_fn)

batch_size, num_epochs = 64, 30
for epoch in range(num_epochs):
    perm = torch.randperm(len(X_tr))
    net.train()
    tot = 0
    for i in range(0, len(perm), batch_size):
        idx = perm[i:i + batch_size]
        opt.zero_grad()
        l = loss_fn(net(X_tr[idx]), y_tr_s[idx])
        l.backward()
        opt.step()
        tot += l.item() * len(idx)
    net.eval()
    with w.evaluating("val"), torch.no_grad():
        pred = net(X_te)
        vloss = loss_fn(pred, y_te_s).item()
    if (epoch + 1) % 3 == 0:
        print(f"epoch {epoch + 1}: train mse {tot / len(perm):.4f}  test mse {vloss:.4f}")
w.close()
years = sy.inverse_transform(pred.numpy())
print(f"RESULT val_loss={vloss:.4f} mae_years={mean_absolute_error(y_te, years):.3f} r2={r2_score(y_te, years):.4f}")
