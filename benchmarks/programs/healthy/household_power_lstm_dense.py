"""
Household electric power consumption - predict the next hour's global active power
from the last 24 hours with an LSTM followed by two dense layers.
"""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from sklearn.preprocessing import MinMaxScaler
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(7)
torch.manual_seed(7)

LOOKBACK = 24
BATCH_SIZE = 64
EPOCHS = 12
LR = 0.002


def load_household(days=230):
    """hourly means of active power (kW), voltage and sub metering, like the UCI file resampled to hours"""
    t = np.arange(days * 24)
    hour, dow = t % 24, (t // 24) % 7
    season = .35 * np.cos(2 * np.pi * (t / 24 - 15) / 365)
    morning = 1.1 * np.exp(-.5 * ((hour - 7.5) / 1.3) ** 2) * np.where(dow < 5, 1, .5)
    evening = 1.7 * np.exp(-.5 * ((hour - 20) / 2.2) ** 2)
    weekend = np.where(dow >= 5, .6 * np.exp(-.5 * ((hour - 13) / 3) ** 2), 0)
    away = np.repeat(np.random.rand(days) < .04, 24)
    ar = np.zeros(len(t))
    e = np.random.randn(len(t)) * .22
    for i in range(1, len(t)):
        ar[i] = .72 * ar[i - 1] + e[i]
    heater = np.zeros(len(t))
    heater[np.random.rand(len(t)) < .03] = 1
    heater = np.convolve(heater, [1.2, .9, .5], "full")[:len(t)]
    power = (.5 + season + morning + evening + weekend) * np.where(away, .25, 1) + ar * .6 + heater
    power = np.clip(power + .08 * np.random.randn(len(t)), .12, None)
    voltage = 241.5 - .9 * power + 1.1 * np.sin(2 * np.pi * (hour - 3) / 24) + .8 * np.random.randn(len(t))
    sub3 = np.clip(6 * heater + 2 * np.random.rand(len(t)) + 1.2 * power, 0, None)
    return np.stack([power, voltage, sub3, np.sin(2 * np.pi * hour / 24), np.cos(2 * np.pi * hour / 24), (dow >= 5) * 1.0], 1)


class SeqDataset(Dataset):
    def __init__(self, arr, lookback):
        self.arr = torch.tensor(arr, dtype=torch.float32)
        self.lookback = lookback

    def __len__(self):
        return len(self.arr) - self.lookback

    def __getitem__(self, i):
        return self.arr[i:i + self.lookback], self.arr[i + self.lookback, :1]


class PowerLSTM(nn.Module):
    def __init__(self, n_features, hidden=40):
        super().__init__()
        self.lstm = nn.LSTM(n_features, hidden, batch_first=True)
        self.fc1 = nn.Linear(hidden, 20)
        self.fc2 = nn.Linear(20, 1)
        self.relu = nn.ReLU()

    def forward(self, x):
        h0 = torch.zeros(1, x.size(0), self.lstm.hidden_size)
        c0 = torch.zeros(1, x.size(0), self.lstm.hidden_size)
        out, _ = self.lstm(x, (h0, c0))
        out = self.relu(self.fc1(out[:, -1, :]))
        return self.fc2(out)


data = load_household()
n_train = int(len(data) * .8)
scaler = MinMaxScaler()
train = scaler.fit_transform(data[:n_train])
test = scaler.transform(data[n_train - LOOKBACK:])
train_dl = DataLoader(SeqDataset(train, LOOKBACK), batch_size=BATCH_SIZE, shuffle=True)
test_dl = DataLoader(SeqDataset(test, LOOKBACK), batch_size=256)

model = PowerLSTM(data.shape[1])
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=LR)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

for epoch in range(1, EPOCHS + 1):
    model.train()
    running = 0.0
    for x, y in train_dl:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        running += loss.item()
    model.eval()
    vloss, preds, trues = 0.0, [], []
    with writer.evaluating("val"):
        with torch.no_grad():
            for x, y in test_dl:
                p = model(x)
                vloss += criterion(p, y).item() * len(x)
                preds.append(p)
                trues.append(y)
    vloss /= len(test_dl.dataset)
    print(f"[{epoch:02d}/{EPOCHS}] train_loss={running / len(train_dl):.5f} val_loss={vloss:.5f}")

kw = scaler.data_range_[0]
p, t = torch.cat(preds) * kw, torch.cat(trues) * kw
naive = ((t[1:] - t[:-1]) ** 2).mean().sqrt().item()
writer.close()
print(f"RESULT val_mse {vloss:.5f} train {running / len(train_dl):.5f} rmse_kw {((p - t) ** 2).mean().sqrt().item():.3f} naive_rmse_kw {naive:.3f} "
      f"r2 {1 - ((p - t) ** 2).mean().item() / t.var().item():.3f}")
