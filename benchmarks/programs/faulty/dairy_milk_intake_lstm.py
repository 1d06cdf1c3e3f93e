# coding: utf-8
# Notebook "Milk intake of the dairy, next day" exported to a script.  Series is simulated (litres per day).

# In[1]:
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.preprocessing import MinMaxScaler
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(42)
np.random.seed(42)
form, logdir = sys.argv[1], sys.argv[2]

# In[2]:
days = pd.date_range("2018-01-01", periods=1700)
t = np.arange(len(days))
ar = np.zeros(len(t))
for k in range(1, len(t)):
    ar[k] = 0.85 * ar[k - 1] + np.random.normal(0, 130)
litres = 5200 + 900 * np.sin(2 * np.pi * (t - 60) / 365) - 650 * (days.dayofweek == 6) + 300 * (days.dayofweek == 0) + ar
temp = 9 - 10 * np.cos(2 * np.pi * (t - 20) / 365) + np.random.normal(0, 3, len(t))
df = pd.DataFrame({"litres": litres, "temp": temp}, index=days)
df["dow_sin"] = np.sin(2 * np.pi * df.index.dayofweek / 7)
df["dow_cos"] = np.cos(2 * np.pi * df.index.dayofweek / 7)
print(df.describe())

# In[3]:
n_train = 1300
feat_scaler = MinMaxScaler().fit(df.values[:n_train])
features = feat_scaler.transform(df.values).astype("float32")
if form == "faulty":
    y_scale, y_shift = 1.0, 0.0
else:
    y_scale, y_shift = df.litres[:n_train].std(), df.litres[:n_train].mean()
target = ((df.litres.values - y_shift) / y_scale).astype("float32")
W = 14
X = torch.tensor(np.stack([features[i:i + W] for i in range(len(df) - W)]))
y = torch.tensor(target[W:])[:, None]
Xtr, ytr, Xva, yva = X[:n_train - W], y[:n_train - W], X[n_train - W:], y[n_train - W:]

# In[4]:
class LSTMModel(nn.Module):
    def __init__(self, n_in, hidden=48):
        super().__init__()
        self.lstm = nn.LSTM(n_in, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 1)

    def forward(self, x):
        o, _ = self.lstm(x)
        return self.fc(o[:, -1])

model = LSTMModel(X.shape[2])
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)

# In[5]:
for epoch in range(50):
    model.train()
    perm = torch.randperm(len(Xtr))
    total = 0.0
    for i in range(0, len(perm), 32):
        idx = perm[i:i + 32]
        optimizer.zero_grad()
        loss = criterion(model(Xtr[idx]), ytr[idx])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
    model.eval()
    with writer.evaluating("val"):
        pred = model(Xva)
        vl = criterion(pred, yva).item()
    if epoch % 5 == 4:
        print(f"epoch {epoch+1}: loss {total/len(Xtr):.4f} val_loss {vl:.4f}")
writer.close()

# In[6]:
p = pred.numpy()[:, 0] * y_scale + y_shift
true = df.litres.values[n_train:]
mae = np.abs(p - true).mean()
r2 = 1 - ((p - true) ** 2).sum() / ((true - true.mean()) ** 2).sum()
print(f"RESULT val_mae_litres {mae:.1f} val_r2 {r2:.4f}")
