"""Predict blood glucose 30 minutes ahead from the last 2 hours of CGM + carbs + insulin (simulated patients).
The LSTM's forecast is the same flat line for everybody ..."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(21)
rng = np.random.default_rng(21)
HIST, AHEAD = 24, 6          # steps of 5 minutes


def simulate(days):
    n = days * 288
    carbs, ins = np.zeros(n), np.zeros(n)
    for d in range(days):
        for hour in (7.5, 12.5, 19):
            t = int(d * 288 + (hour + rng.normal(0, .7)) * 12)
            if t < n:
                c = rng.gamma(6, 8)
                carbs[t] += c; ins[max(0, t - rng.integers(0, 4))] += c / max(5, rng.normal(10, 2.5))
    k = np.arange(60)
    rise = np.convolve(carbs, k * np.exp(-k / 7.) / 49., "full")[:n] * 3.6
    fall = np.convolve(ins, k * np.exp(-k / 11.) / 121., "full")[:n] * 32
    g, out = 130., np.empty(n)
    basal = rng.normal(135, 12)
    for t in range(n):
        g += rise[t] - fall[t] - .02 * (g - basal) + rng.normal(0, 1.6)
        g = min(max(g, 45), 380)
        out[t] = g
    return out + rng.normal(0, 4, n), carbs, ins


class Windows(Dataset):
    def __init__(self, patients, stats=None):
        xs, ys = [], []
        for g, c, i in patients:
            for t in range(HIST, len(g) - AHEAD, 5):
                xs.append(np.stack([g[t - HIST:t], c[t - HIST:t], i[t - HIST:t]], 1))
                ys.append(g[t + AHEAD - 1])
        x, y = np.array(xs), np.array(ys)
        self.stats = stats or (x.mean((0, 1)), x.std((0, 1)), y.mean(), y.std())
        mx, sx, my, sy = self.stats
        self.x = torch.tensor((x - mx) / sx, dtype=torch.float32)
        if sys.argv[1] == "faulty":
            self.y = torch.tensor(y, dtype=torch.float32)                 # mg/dl
        else:
            self.y = torch.tensor((y - my) / sy, dtype=torch.float32)

    def mgdl(self, p):
        return p if sys.argv[1] == "faulty" else p * self.stats[3] + self.stats[2]

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class GlucoseLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 32, batch_first=True)
        self.fc = nn.Linear(32, 1)

    def forward(self, x):
        return self.fc(self.lstm(x)[0][:, -1]).squeeze(-1)


train = Windows([simulate(12) for _ in range(5)])
val = Windows([simulate(8) for _ in range(2)], train.stats)
loader = DataLoader(train, batch_size=32, shuffle=True)
model = GlucoseLSTM()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
writer = DiagWriter(sys.argv[2])
writer.watch(model, optimizer, criterion)
for epoch in range(10):
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
        p = model(val.x)
        vl = criterion(p, val.y).item()
    rmse = (val.mgdl(p) - val.mgdl(val.y)).pow(2).mean().sqrt().item()
    print(f"epoch {epoch}: train {np.mean(losses):.4f} val {vl:.4f}  RMSE {rmse:.1f} mg/dl, sd of forecasts {val.mgdl(p).std():.1f}")
writer.close()
print(f"RESULT train {np.mean(losses):.4f} val {vl:.4f} RMSE {rmse:.2f} mg/dl (sd of glucose {val.mgdl(val.y).std():.1f})")
