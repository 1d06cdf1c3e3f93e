# %% [markdown]
# # Laptop price prediction with PyTorch
# Same columns as the well known Kaggle table (laptop_price.csv), 1303 rows.
# %%
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.metrics import r2_score, mean_absolute_error
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(42)
rng = np.random.default_rng(42)

# %% the table
n = 1303
company = rng.choice(["Dell", "Lenovo", "HP", "Asus", "Acer", "MSI", "Toshiba", "Apple"], n,
                     p=[.23, .23, .21, .12, .08, .05, .05, .03])
type_name = rng.choice(["Notebook", "Gaming", "Ultrabook", "2 in 1", "Workstation", "Netbook"], n,
                       p=[.56, .16, .15, .09, .02, .02])
level = rng.normal(size=n) + .9 * (type_name == "Gaming") + .7 * (type_name == "Ultrabook") + 1.4 * (type_name == "Workstation") \
    - 1.5 * (type_name == "Netbook") + .4 * (company == "MSI") + .7 * (company == "Apple")
ram = 2 ** np.clip(np.round(2.9 + .6 * level + .45 * rng.normal(size=n)), 1, 6)
ssd = np.where(rng.random(n) < 1 / (1 + np.exp(-1.4 * level - .6)), rng.choice([128, 256, 512, 1024], n, p=[.2, .5, .23, .07]), 0)
hdd = np.where(ssd == 0, rng.choice([500, 1000, 2000], n, p=[.35, .55, .1]), np.where(rng.random(n) < .25, 1000, 0))
cpu = np.clip(np.round(1.4 + .7 * level + .6 * rng.normal(size=n)), 0, 3)          # Celeron/i3/i5/i7
ghz = np.round(1.9 + .2 * cpu + .25 * rng.normal(size=n), 1)
inches = rng.choice([11.6, 13.3, 14.0, 15.6, 17.3], n, p=[.05, .13, .15, .52, .15])
inches = np.where(type_name == "Ultrabook", rng.choice([13.3, 14.0], n), inches)
ips = (rng.random(n) < 1 / (1 + np.exp(1.2 - level))).astype(int)
weight = np.round(.25 * (inches - 7) + .5 * (type_name == "Gaming") - .4 * (type_name == "Ultrabook") + .15 * rng.normal(size=n), 2)
brand_eff = pd.Series(company).map({"Dell": .05, "Lenovo": 0, "HP": .03, "Asus": -.03, "Acer": -.15, "MSI": .1, "Toshiba": .12, "Apple": .3}).values
log_price = (6.0 + .27 * np.log2(ram) + .10 * cpu + .00045 * ssd + .00004 * hdd + .12 * ips + .08 * (ghz - 2.3) + brand_eff
             + .18 * (type_name == "Ultrabook") + .13 * (type_name == "Gaming") + .45 * (type_name == "Workstation")
             + .1 * (ssd > 0) * (cpu >= 2) + .17 * rng.normal(size=n))
df = pd.DataFrame(dict(Company=company, TypeName=type_name, Ram=ram, SSD=ssd, HDD=hdd, Cpu=cpu, GHz=ghz, Inches=inches,
                       IPS=ips, Weight=weight, Price_euros=np.round(np.exp(log_price), 2)))
print(df.describe().T)

# %% prepare
df["log_price"] = np.log(df["Price_euros"])
X = pd.get_dummies(df.drop(columns=["Price_euros", "log_price"]), columns=["Company", "TypeName"], dtype=float)
y = df["log_price"].values
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
num_cols = ["Ram", "SSD", "HDD", "Cpu", "GHz", "Inches", "Weight"]
scaler = StandardScaler()
X_train[num_cols] = scaler.fit_transform(X_train[num_cols])
X_test[num_cols] = scaler.transform(X_test[num_cols])
y_mean, y_std = y_train.mean(), y_train.std()

to_t = lambda a: torch.tensor(np.asarray(a), dtype=torch.float32)
train_loader = DataLoader(TensorDataset(to_t(X_train), to_t((y_train - y_mean) / y_std).unsqueeze(1)), batch_size=32, shuffle=True)
test_loader = DataLoader(TensorDataset(to_t(X_test), to_t((y_test - y_mean) / y_std).unsqueeze(1)), batch_size=256)

# %% model
model = nn.Sequential(
    nn.Linear(X_train.shape[1], 64),
    nn.ReLU(),
    nn.Dropout(0.2),
    nn.Linear(64, 32),
    nn.ReLU(),
    nn.Linear(32, 1),
)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001, weight_decay=1e-4)

writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, loss_fn)

# %% training
history = {"train": [], "val": []}
EPOCHS = 25
for epoch in range(EPOCHS):
    model.train()
    total = 0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        pred = model(xb)
        loss = loss_fn(pred, yb)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(xb)
    history["train"].append(total / len(X_train))

    model.eval()
    preds = []
    total = 0
    with torch.no_grad(), writer.evaluating("val"):
        for xb, yb in test_loader:
            out = model(xb)
            total += loss_fn(out, yb).item() * len(xb)
            preds.append(out)
    history["val"].append(total / len(X_test))
    if epoch % 5 == 4:
        print(f"Epoch {epoch+1:3d}  train {history['train'][-1]:.4f}  val {history['val'][-1]:.4f}")

# %% result
pred_euro = np.exp(torch.cat(preds).squeeze(1).numpy() * y_std + y_mean)
writer.close()
print(f"RESULT val_mse {history['val'][-1]:.4f} best {min(history['val']):.4f} train {history['train'][-1]:.4f} r2_log {r2_score(y_test, np.log(pred_euro)):.3f} "
      f"mae_euro {mean_absolute_error(np.exp(y_test), pred_euro):.0f}")
