import sys
import numpy as np, pandas as pd
import torch
from torch import nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(42)

# 891 passengers, same columns as the Kaggle file
r = np.random.default_rng(1912)
n = 891
df = pd.DataFrame({"Pclass": r.choice([1, 2, 3], n, p=[.24, .21, .55]), "Sex": r.choice(["male", "female"], n, p=[.65, .35]),
                   "Age": np.clip(r.gamma(4.5, 6.6, n), .5, 80), "SibSp": r.poisson(.5, n), "Parch": r.poisson(.38, n),
                   "Embarked": r.choice(list("SCQ"), n, p=[.72, .19, .09])})
df["Fare"] = np.exp(r.normal(4.6 - .8 * df.Pclass, .5)) * (1 + .3 * (df.SibSp + df.Parch))
z = 2.6 * (df.Sex == "female") - .95 * (df.Pclass - 2) - 1.5 - .025 * (df.Age - 29) + 1.6 * (df.Age < 10) - .3 * df.SibSp \
    - .8 * ((df.Sex == "female") & (df.Pclass == 3)) + .4 * (df.Embarked == "C")
df["Survived"] = (r.random(n) < 1 / (1 + np.exp(-z))).astype(int)
df.loc[r.random(n) < .2, "Age"] = np.nan

df["Age"] = df["Age"].fillna(df["Age"].median())
df["Fare"] = np.log1p(df["Fare"])
X = pd.get_dummies(df.drop(columns="Survived"), columns=["Sex", "Embarked", "Pclass"], drop_first=True).astype("float32").values
y = df["Survived"].values.astype("float32")
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=.25, stratify=y, random_state=42)
sc = StandardScaler().fit(X_train)
X_train, X_val = torch.tensor(sc.transform(X_train)), torch.tensor(sc.transform(X_val))
y_train, y_val = torch.tensor(y_train)[:, None], torch.tensor(y_val)[:, None]

model = nn.Sequential(nn.Linear(X.shape[1], 16), nn.ReLU(), nn.Dropout(.2), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 1))
loss_fn = nn.BCEWithLogitsLoss()
opt = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-3)
w = DiagWriter(sys.argv[1])
w.watch(model, opt, loss_fn)

best, wait = np.inf, 0
for epoch in range(200):
    model.train()
    ep = 0
    for idx in torch.randperm(len(X_train)).split(32):
        opt.zero_grad()
        loss = loss_fn(model(X_train[idx]), y_train[idx])
        loss.backward(); opt.step()
        ep += loss.item() * len(idx) / len(X_train)
    model.eval()
    with torch.no_grad():
        out = model(X_val); v = loss_fn(out, y_val).item()
    acc = ((out > 0) == (y_val > .5)).float().mean().item()
    if v < best - 1e-4:
        best, wait = v, 0
        state = {k: t.clone() for k, t in model.state_dict().items()}
    else:
        wait += 1
        if wait >= 15: break
    if epoch % 5 == 0: print(epoch, f"train {ep:.4f} val {v:.4f} acc {acc:.3f}")
model.load_state_dict(state)
print("stopped", epoch, f"train {ep:.4f} last val {v:.4f} best {best:.4f}")
w.close()
