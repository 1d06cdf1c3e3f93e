"""Hourly traffic flow forecasting: last 24 h (flow, sin/cos of the hour, rain) -> next hour."""
import sys
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(10)
np.random.seed(10)

hours = pd.date_range("2019-01-07", periods=24 * 160, freq="h")
h, wd = hours.hour.values, hours.dayofweek.values
profile = 0.25 + 0.9 * np.exp(-0.5 * ((h - 8) / 1.4) ** 2) * (wd < 5) + 0.8 * np.exp(-0.5 * ((h - 17.5) / 2.0) ** 2) \
    + 0.35 * np.exp(-0.5 * ((h - 13) / 3) ** 2)
ar = np.zeros(len(h)); rain = (np.random.rand(len(h)) < 0.04).astype(float)
for i in range(1, len(h)):
    ar[i] = 0.85 * ar[i - 1] + 0.05 * np.random.randn()
    rain[i] = max(rain[i], rain[i - 1] * (np.random.rand() < 0.75))
flow = 1400 * profile * (1 + ar) * (1 - 0.25 * rain) + 25 * np.random.randn(len(h))
df = pd.DataFrame({"flow": flow, "hs": np.sin(2 * np.pi * h / 24), "hc": np.cos(2 * np.pi * h / 24),
                   "weekend": (wd >= 5).astype(float), "rain": rain})

n_train = 24 * 125
mu, sd = df["flow"][:n_train].mean(), df["flow"][:n_train].std()
df["flow"] = (df["flow"] - mu) / sd
values = df.values.astype("float32")


def sliding_windows(a, seq_length=24):
    x = np.stack([a[i:i + seq_length] for i in range(len(a) - seq_length)])
    return torch.tensor(x), torch.tensor(a[seq_length:, :1])


trainX, trainY = sliding_windows(values[:n_train])
testX, testY = sliding_windows(values[n_train - 24:])


class LSTM(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=1):
        super().__init__()
        self.lstm = nn.LSTM(input_size=input_size, hidden_size=hidden_size, num_layers=num_layers, batch_first=True)
        self.fc = nn.Linear(hidden_size, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[:, -1])


hidden_size = 1 if sys.argv[1] == "faulty" else 32
model = LSTM(values.shape[1], hidden_size)
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 5, gamma=0.3)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
loader = DataLoader(TensorDataset(trainX, trainY), batch_size=64, shuffle=True)

for epoch in range(12):
    model.train()
    losses = []
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        pred = model(testX)
        test_loss = criterion(pred, testY).item()
    if epoch % 4 == 3:
        print("Epoch: %d, loss: %1.5f, test: %1.5f" % (epoch, np.mean(losses), test_loss))
mape = ((pred - testY).abs() * sd).mean().item()
writer.close()
print(f"RESULT train_mse={np.mean(losses):.4f} val_mse={test_loss:.4f} mae_vehicles={mape:.1f}")
