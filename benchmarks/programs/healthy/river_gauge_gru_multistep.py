"""Water level 6 hours ahead from 36 hours of level and rain: GRU, StandardScaler, AdamW, gradient clipping, best model kept."""
import copy
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, Dataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(31)
torch.manual_seed(31)
HIST, AHEAD = 36, 6

T = 9000
wet = np.zeros(T)
for i in range(1, T):
    wet[i] = (np.random.rand() < .85) if wet[i - 1] else (np.random.rand() < .02)
rain = wet * np.random.gamma(.8, 2.2, T)
soil, quick, slow = np.zeros(T), np.zeros(T), np.zeros(T)
for i in range(1, T):
    soil[i] = .99 * soil[i - 1] + rain[i]
    runoff = rain[max(i - 4, 0)] * (.1 + .5 * np.tanh(soil[i] / 60))
    quick[i] = .88 * quick[i - 1] + .12 * runoff * 10
    slow[i] = .985 * slow[i - 1] + .015 * soil[i]
level = .6 + .35 * np.sqrt(.1 + quick + .2 * slow) + np.random.normal(0, .04, T)

series = np.stack([level, rain], 1)
n_train = 6300
scaler = StandardScaler().fit(series[:n_train])
series = scaler.transform(series).astype(np.float32)


class Windows(Dataset):
    def __init__(self, data, stride):
        self.data, self.starts = data, np.arange(0, len(data) - HIST - AHEAD, stride)

    def __len__(self):
        return len(self.starts)

    def __getitem__(self, k):
        s = self.starts[k]
        return torch.from_numpy(self.data[s:s + HIST]), torch.from_numpy(self.data[s + HIST:s + HIST + AHEAD, 0])


class GaugeGRU(nn.Module):
    def __init__(self, n_features=2, hidden=32):
        super().__init__()
        self.gru = nn.GRU(n_features, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, AHEAD)

    def forward(self, x):
        out, _ = self.gru(x)
        return x[:, -1:, 0] + self.fc(out[:, -1])     # change from the last level


train_dl = DataLoader(Windows(series[:n_train], 3), batch_size=64, shuffle=True)
val_dl = DataLoader(Windows(series[n_train:], 4), batch_size=256)
model = GaugeGRU()
opt = torch.optim.AdamW(model.parameters(), lr=6e-3)
crit = nn.MSELoss()
writer = DiagWriter(sys.argv[1])
writer.watch(model, opt, crit)
best, best_model = np.inf, None
for epoch in range(18):
    model.train()
    tr = []
    for x, y in train_dl:
        opt.zero_grad()
        loss = crit(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        tr.append(loss.item())
    model.eval()
    with torch.no_grad(), writer.evaluating("val"):
        va = np.mean([crit(model(x), y).item() for x, y in val_dl])
    if va < best:
        best, best_model = va, copy.deepcopy(model)
    print(f"Epoch {epoch + 1:2d} train {np.mean(tr):.4f} val {va:.4f}")
naive = np.mean([crit(x[:, -1:, 0].expand_as(y), y).item() for x, y in val_dl])
writer.close()
print(f"RESULT train {np.mean(tr):.4f} val {va:.4f} best {best:.4f} persistence {naive:.4f}")
