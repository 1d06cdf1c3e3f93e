# electricity load forecast: 24 h of load and temperature -> next hour. pandas + GRU
import sys
import numpy as np, pandas as pd, torch, torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(0); rng = np.random.default_rng(0)

idx = pd.date_range("2023-01-01", periods=3200, freq="h")
temp = 10 + 8 * np.sin(2 * np.pi * idx.dayofyear / 365) + 4 * np.sin(2 * np.pi * (idx.hour - 9) / 24) + rng.normal(0, 1, len(idx))
load = 42000 + 6000 * np.sin(2 * np.pi * (idx.hour - 8) / 24) + 2500 * (idx.dayofweek < 5) - 250 * (temp - 10) + rng.normal(0, 500, len(idx))
df = pd.DataFrame({"load": load, "temp": temp, "hour_s": np.sin(2 * np.pi * idx.hour / 24), "hour_c": np.cos(2 * np.pi * idx.hour / 24)}, index=idx)
split = 2600
mu, sd = df.iloc[:split].mean(), df.iloc[:split].std()
z = ((df - mu) / sd).astype("float32")
target = df["load"].astype("float32") if sys.argv[1] == "faulty" else z["load"]

L = 24
X = np.stack([z.values[i:i + L] for i in range(len(z) - L)])
y = target.values[L:][:, None]
mk = lambda a, b, sh: DataLoader(TensorDataset(torch.tensor(X[a:b]), torch.tensor(y[a:b])), batch_size=64, shuffle=sh)
train_dl, val_dl = mk(0, split - L, True), mk(split - L, len(X), False)


class LoadNet(nn.Module):
    def __init__(self, n_in, hidden=32):
        super().__init__()
        self.gru = nn.GRU(n_in, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 1)

    def forward(self, x):
        o, _ = self.gru(x)
        return self.fc(o[:, -1])


net = LoadNet(4)
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
mse = nn.MSELoss()
scale = 1.0 if sys.argv[1] == "faulty" else float(sd["load"])
w = DiagWriter(sys.argv[2]); w.watch(net, opt, mse)
for ep in range(15):
    net.train(); tr = 0
    for xb, yb in train_dl:
        opt.zero_grad(); loss = mse(net(xb), yb); loss.backward(); opt.step()
        tr += loss.item() / len(train_dl)
    net.eval()
    with torch.no_grad():
        va = np.mean([mse(net(xb), yb).item() for xb, yb in val_dl])
    if ep % 2 == 0: print(f"epoch {ep} train {tr:.4g} val {va:.4g} val RMSE {scale * va ** .5:.0f} MW")
w.close()
