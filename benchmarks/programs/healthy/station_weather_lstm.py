import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
torch.manual_seed(42)

def station(n=14000, seed=4):
    r = np.random.RandomState(seed)
    h = np.arange(n)
    slow = np.zeros(n); fast = np.zeros(n)
    for i in range(1, n):
        slow[i] = 0.985 * slow[i-1] + 0.7 * r.randn()
        fast[i] = 0.8 * fast[i-1] + 0.35 * r.randn()
    day, year = 2 * np.pi * h / 24, 2 * np.pi * h / (24 * 365)
    temp = 9 + 8 * np.sin(year - 2) + (3 + np.sin(year - 2)) * np.sin(day - 2.2) + slow + fast
    press = 989 - 1.3 * np.roll(slow, -6) + 1.2 * r.randn(n)
    humid = np.clip(75 - 2.5 * (temp - 9) + 6 * r.randn(n), 15, 100)
    wind = np.abs(2 + 0.4 * slow + r.randn(n))
    return np.stack([temp, press, humid, wind, np.sin(day), np.cos(day)], 1).astype("float32")

raw = station()
split = int(0.7 * len(raw))
mean, std = raw[:split].mean(0), raw[:split].std(0)
norm = (raw - mean) / std

class Windows(Dataset):
    past, future = 48, 6
    def __init__(self, a): self.a = torch.from_numpy(a)
    def __len__(self): return len(self.a) - self.past - self.future
    def __getitem__(self, i): return self.a[i:i+self.past], self.a[i+self.past+self.future-1, :1]

dataset_train = DataLoader(Windows(norm[:split]), 256, shuffle=True)
dataset_val = DataLoader(Windows(norm[split:]), 256)

class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(6, 32, batch_first=True)
        self.dense = nn.Linear(32, 1)
    def forward(self, x): return self.dense(self.lstm(x)[0][:, -1])

model = Forecaster()
mse = nn.MSELoss()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, factor=0.3, patience=1)
w = DiagWriter(sys.argv[1])
w.watch(model, opt, mse)
best, bad, keep = 1e9, 0, None
for epoch in range(15):
    tl = []
    for x, y in dataset_train:
        opt.zero_grad()
        loss = mse(model(x), y)
        loss.backward()
        opt.step()
        tl.append(loss.item())
    with w.evaluating("val"):
        vl = np.mean([mse(model(x), y).item() for x, y in dataset_val])
    plateau.step(vl)
    print(f"Epoch {epoch+1} - loss: {np.mean(tl):.4f} - val_loss: {vl:.4f}")
    if vl < best - 1e-4: best, bad, keep = vl, 0, {k: v.clone() for k, v in model.state_dict().items()}
    else: bad += 1
    if bad == 5: break
model.load_state_dict(keep)
w.close()
