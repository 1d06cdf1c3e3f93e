# two-layer net for the length of stay from ward records; the model is later used for the patients of single wards
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

torch.manual_seed(17); torch.set_num_threads(1)
rng = np.random.default_rng(17)
faulty = sys.argv[1] == "faulty"

WARDS = ["geriatrics", "paediatrics", "surgery", "internal", "icu"]
LOC = {"geriatrics": (81, 45, 130, 5, 6.0), "paediatrics": (8, 6, 95, 1, 1.5), "surgery": (52, 22, 118, 3, 2.5),
       "internal": (66, 38, 126, 4, 4.0), "icu": (63, 90, 112, 7, 7.5)}


def ward_table(w, n):
    age, crp, glu, drugs, score = LOC[w]
    d = pd.DataFrame({
        "age": np.clip(rng.normal(age, 6, n), 0, 99),
        "crp": rng.gamma(2, crp / 2, n),
        "glucose": rng.normal(glu, 18, n),
        "drugs": rng.poisson(drugs, n).astype(float),
        "score": rng.normal(score, 1.2, n),
        "weekend": (rng.random(n) < 2 / 7).astype(float),
    })
    los = 1.2 + 0.035 * d.age + 0.35 * d.score + 0.12 * d.drugs + 0.9 * np.tanh(d.crp / 60) + 0.02 * np.maximum(d.glucose - 120, 0) + 0.3 * d.weekend
    d["los"] = los + rng.normal(0, 0.55, n)
    d["ward"] = w
    return d


df = pd.concat([ward_table(w, 1100) for w in WARDS], ignore_index=True)
features = ["age", "crp", "glucose", "drugs", "score", "weekend"]
train_df, test_df = train_test_split(df, test_size=0.25, random_state=0)
train_df, val_df = train_test_split(train_df, test_size=0.2, random_state=0)

sc, ysc = StandardScaler(), StandardScaler()
X_train = sc.fit_transform(train_df[features]); y_train = ysc.fit_transform(train_df[["los"]])
X_val = sc.transform(val_df[features]); y_val = ysc.transform(val_df[["los"]])
T = lambda a: torch.tensor(np.asarray(a), dtype=torch.float32)

net = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))
loss_fn = nn.MSELoss()
optim = torch.optim.Adam(net.parameters(), lr=0.003, weight_decay=1e-4)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optim, loss_fn)
dl = DataLoader(TensorDataset(T(X_train), T(y_train)), batch_size=32, shuffle=True)
for epoch in range(14):
    net.train()
    tr = 0
    for xb, yb in dl:
        loss = loss_fn(net(xb), yb)
        optim.zero_grad(); loss.backward(); optim.step()
        tr += loss.item() * len(xb)
    net.eval()
    with torch.no_grad(), writer.evaluating("val"):
        v = loss_fn(net(T(X_val)), T(y_val)).item()
    print(f"{epoch:3d}  {tr / len(train_df):.4f}  {v:.4f}")


def predict_ward(rows):
    """what the ward's server does with its own patients"""
    if faulty:
        x = StandardScaler().fit_transform(rows[features])
    else:
        x = sc.transform(rows[features])
    return net(T(x)), T(ysc.transform(rows[["los"]]))


net.eval()
tot = n = 0
with torch.no_grad(), writer.evaluating("test"):
    for ward, rows in test_df.groupby("ward"):
        for k in range(0, len(rows), 64):
            out, y = predict_ward(rows.iloc[k:k + 64])
            tot += loss_fn(out, y).item() * len(y); n += len(y)
writer.close()
print(f"RESULT val_mse={v:.4f} test_mse={tot / n:.4f}")
