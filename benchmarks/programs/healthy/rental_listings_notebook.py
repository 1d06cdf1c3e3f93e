# %% [markdown]
# # Apartment rents. First try with pytorch after doing it with sklearn
# %%
import sys
import numpy as np, pandas as pd
import torch
from torch import nn
from sklearn.preprocessing import StandardScaler, OneHotEncoder
from sklearn.model_selection import train_test_split
from sklearn.linear_model import Ridge
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(42)
rs = np.random.RandomState(42)
# %%
n = 3000
df = pd.DataFrame({
    "sqm": np.clip(rs.lognormal(4.15, .4, n), 18, 260).round(),
    "year": rs.choice([1905, 1930, 1958, 1972, 1988, 2004, 2016], n) + rs.randint(-8, 8, n),
    "floor": rs.poisson(2.2, n),
    "balcony": rs.rand(n) < .55,
    "kitchen": rs.rand(n) < .4,
    "lift": rs.rand(n) < .3,
    "dist_center_km": np.abs(rs.gamma(2.2, 2.1, n)),
    "district": rs.choice(["north", "west", "old town", "harbour", "east", "hill"], n, p=[.25, .2, .1, .1, .25, .1]),
})
df["rooms"] = np.clip((df.sqm / 24 + rs.normal(0, .6, n)).round(), 1, 7)
dist = {"north": 0, "west": .08, "old town": .22, "harbour": .3, "east": -.1, "hill": .18}
per_sqm = (2.55 + df.district.map(dist) - .1 * np.log(df.sqm / 60) - .045 * df.dist_center_km + .06 * df.balcony + .1 * df.kitchen
           + .06 * df.lift * (df.floor > 2) + .12 * (df.year > 2000) + .1 * (df.year < 1920) * (df.district == "old town"))
df["rent"] = (df.sqm * np.exp(per_sqm + rs.normal(0, .14, n))).round()
df.head()
# %%
num = ["sqm", "year", "floor", "dist_center_km", "rooms"]
train, test = train_test_split(df, test_size=.2, random_state=0)
sc = StandardScaler().fit(train[num])
oh = OneHotEncoder(sparse_output=False).fit(train[["district"]])
def prep(d):
    return np.hstack([sc.transform(d[num]), oh.transform(d[["district"]]), d[["balcony", "kitchen", "lift"]].astype(float)]).astype(np.float32)
X_train, X_test = prep(train), prep(test)
# log because rents are skewed, and minus the mean so that the net starts at a sensible place
m = np.log(train.rent).mean()
y_train = (np.log(train.rent) - m).values.astype(np.float32).reshape(-1, 1)
y_test = (np.log(test.rent) - m).values.astype(np.float32).reshape(-1, 1)
print("ridge R2", Ridge().fit(X_train, y_train).score(X_test, y_test))
# %%
X_train, X_test, y_train, y_test = map(torch.tensor, (X_train, X_test, y_train, y_test))
model = nn.Sequential(nn.Linear(X_train.shape[1], 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))
loss = nn.MSELoss()
opt = torch.optim.Adam(model.parameters(), lr=0.002)
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, loss)
# %%
hist = {"train": [], "test": []}
epochs = 25
for epoch in range(epochs):
    idx = torch.randperm(len(X_train))
    s = 0
    for k in range(0, len(idx), 50):
        j = idx[k:k+50]
        l = loss(model(X_train[j]), y_train[j])
        opt.zero_grad(); l.backward(); opt.step()
        s += l.item() * len(j)
    if epoch == 17:
        opt.param_groups[0]["lr"] /= 5
    hist["train"].append(s / len(idx))
    with torch.no_grad(), writer.evaluating("test"):
        hist["test"].append(loss(model(X_test), y_test).item())
    if epoch % 5 == 4:
        print(epoch, hist["train"][-1], hist["test"][-1])
# %%
r2 = 1 - hist["test"][-1] / y_test.var().item()
with torch.no_grad():
    mae = (torch.exp(model(X_test) + m) - torch.exp(y_test + m)).abs().mean().item()
writer.close()
print(f"RESULT train={hist['train'][-1]:.4f} test={hist['test'][-1]:.4f} best={min(hist['test']):.4f} R2={r2:.3f} MAE={mae:.0f} floor={.14**2:.4f}")
