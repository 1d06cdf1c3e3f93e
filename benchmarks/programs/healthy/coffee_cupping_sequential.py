# %% Coffee quality: predict the cupping score from what is on the sack and what the lab measures
import sys
import numpy as np
import pandas as pd
import torch
from torch import nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.linear_model import LinearRegression
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(8)

# %% data
n = 2600
country = rng.choice(["Ethiopia", "Kenya", "Colombia", "Brazil", "Guatemala", "Vietnam"], n, p=[.15, .1, .25, .25, .15, .1])
method = rng.choice(["washed", "natural", "honey"], n, p=[.6, .3, .1])
c_eff = {"Ethiopia": 1.6, "Kenya": 1.4, "Colombia": .3, "Brazil": -.4, "Guatemala": .2, "Vietnam": -1.6}
altitude = rng.normal([{"Ethiopia": 1900, "Kenya": 1750, "Colombia": 1650, "Brazil": 1050, "Guatemala": 1500, "Vietnam": 900}[c] for c in country], 180)
moisture = rng.normal(11, .9, n)
defects = rng.poisson(3, n)
screen = rng.normal(16, 1, n) + .0006 * (altitude - 1500)
density = 640 + .07 * (altitude - 1400) + 15 * rng.standard_normal(n)
age_months = rng.gamma(3, 3, n)
score = (82 + np.array([c_eff[c] for c in country]) + 1.1 * np.tanh((altitude - 1400) / 300)
         - .35 * (moisture - 11) ** 2 - .9 * np.log1p(defects) + np.where((method == "natural") & (altitude > 1500), .9, 0)
         - .09 * np.maximum(age_months - 8, 0) + .25 * (screen - 16) + 1.1 * rng.standard_normal(n))
df = pd.DataFrame(dict(country=country, method=method, altitude=altitude, moisture=moisture, defects=defects,
                       screen=screen, density=density, age_months=age_months, score=score.round(2)))
print(df.describe().round(2).to_string())

# %% preprocessing
X = pd.get_dummies(df.drop(columns="score"), dtype=float)
y = df["score"].values
X_train, X_val, y_train, y_val = train_test_split(X.values, y, test_size=.2, random_state=1)
sx = StandardScaler().fit(X_train)
y_mean, y_std = y_train.mean(), y_train.std()
to = lambda a: torch.tensor(a, dtype=torch.float32)
X_train_s, X_val_s = to(sx.transform(X_train)), to(sx.transform(X_val))
y_train_s, y_val_s = to((y_train - y_mean) / y_std)[:, None], to((y_val - y_mean) / y_std)[:, None]

# %% model
model = nn.Sequential(
    nn.Linear(X.shape[1], 32), nn.ReLU(), nn.Dropout(.1),
    nn.Linear(32, 16), nn.ReLU(),
    nn.Linear(16, 1))
loss_fn = nn.MSELoss()
opt = torch.optim.SGD(model.parameters(), lr=.03, momentum=.9, weight_decay=2e-3)
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, factor=.3, patience=3)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, loss_fn)

# %% training
history = []
for epoch in range(22):
    model.train()
    idx = torch.randperm(len(X_train_s))
    losses = []
    for b in idx.split(64):
        opt.zero_grad()
        loss = loss_fn(model(X_train_s[b]), y_train_s[b])
        loss.backward()
        opt.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        val = loss_fn(model(X_val_s), y_val_s).item()
    plateau.step(val)
    history.append((np.mean(losses), val))
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1:3d}  train {history[-1][0]:.4f}  val {val:.4f}  lr {opt.param_groups[0]['lr']:.4g}")
writer.close()

# %% in points
with torch.no_grad():
    pred = model(X_val_s).numpy()[:, 0] * y_std + y_mean
lin = LinearRegression().fit(X_train, y_train)
print("linear regression R2", round(lin.score(X_val, y_val), 3))
r2 = 1 - ((pred - y_val) ** 2).sum() / ((y_val - y_val.mean()) ** 2).sum()
print(f"RESULT val_mse_scaled={val:.4f} best={min(h[1] for h in history):.4f} r2={r2:.4f} mae_points={np.abs(pred - y_val).mean():.3f}")
