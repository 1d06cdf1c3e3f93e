# PM2.5 of the next hour from 24 h of pollution and weather (Beijing multi-site look-alike): Conv1d + LSTM, standardised with the training part, direct one step forecast
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.preprocessing import StandardScaler
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(100)
rng = np.random.default_rng(100)
H = 24 * 220
h = np.arange(H)


def ar(phi, s):
    e, x = rng.normal(0, s, H), np.zeros(H)
    for t in range(1, H):
        x[t] = phi * x[t - 1] + e[t]
    return x


temp = 12 + 6 * np.sin(2 * np.pi * (h - 9) / 24) + ar(.98, .6)
wind = np.abs(2.2 + ar(.93, .55))
hum = np.clip(55 - .9 * (temp - 12) + ar(.97, 2.5), 5, 100)
rain = (ar(.9, 1.) > 3.2).astype(float)
rush = np.exp(-((h % 24 - 8) / 2.) ** 2) + np.exp(-((h % 24 - 19) / 2.5) ** 2)
lp = np.zeros(H); lp[0] = 4.
for t in range(1, H):
    lp[t] = .8 * lp[t - 1] + .73 + .3 * rush[t] - .2 * (wind[t - 1] - 2.2) + .006 * (hum[t - 1] - 55) - .3 * rain[t - 1] + rng.normal(0, .15)
pm = np.exp(lp)
no2 = 20 + 14 * rush + .15 * pm + rng.normal(0, 4, H)
table = np.stack([np.log(pm), no2, temp, wind, hum, rain, np.sin(2 * np.pi * h / 24), np.cos(2 * np.pi * h / 24)], 1).astype("float32")
cut = int(H * .8)
scaler = StandardScaler().fit(table[:cut])
table = scaler.transform(table).astype("float32")


class Windows(Dataset):
    def __init__(self, data, win=24):
        self.d, self.w = torch.from_numpy(data), win

    def __len__(self):
        return len(self.d) - self.w

    def __getitem__(self, i):
        return self.d[i:i + self.w], self.d[i + self.w, :1]


class CNNLSTM(nn.Module):
    def __init__(self, n_features=8, conv=16, hidden=24):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(n_features, conv, 3, padding=1), nn.ReLU())
        self.lstm = nn.LSTM(conv, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 1)

    def forward(self, x):
        z = self.conv(x.permute(0, 2, 1)).permute(0, 2, 1)
        out, _ = self.lstm(z)
        return self.fc(out[:, -1])


train_loader = DataLoader(Windows(table[:cut]), batch_size=64, shuffle=True)
val_loader = DataLoader(Windows(table[cut:]), batch_size=500)
model = CNNLSTM()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=.75)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)
persist = np.mean((table[cut + 24:, 0] - table[cut + 23:-1, 0]) ** 2)
for epoch in range(10):
    model.train()
    train_loss = 0.0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * xb.size(0)
    train_loss /= len(train_loader.dataset)
    scheduler.step()
    model.eval()
    val_loss = 0.0
    with torch.no_grad(), writer.evaluating("val"):
        for xb, yb in val_loader:
            val_loss += criterion(model(xb), yb).item() * xb.size(0)
    val_loss /= len(val_loader.dataset)
    print(f"Epoch {epoch + 1:2d}/10  train {train_loss:.4f}  val {val_loss:.4f}  (persistence {persist:.4f})")
writer.close()
print(f"RESULT train={train_loss:.4f} val={val_loss:.4f} persistence={persist:.4f}")
