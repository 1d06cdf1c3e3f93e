"""Remaining useful life of turbofan engines (CMAPSS-like sensors made here), windows of 30 cycles, two-layer LSTM."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
np.random.seed(1)
MAX_RUL, WIN, SENS = 125, 30, 8


def run_engine():
    life = int(np.clip(np.random.normal(200, 40), 110, 320))
    t = np.arange(life)
    onset = life - np.random.uniform(90, 150)
    wear = np.clip((t - onset) / (life - onset), 0, None) ** np.random.uniform(1.3, 1.8)
    gain = np.array([1.5, -1.2, 1.0, .8, -1.4, .6, 1.1, 0.]) * np.random.normal(1, .08, SENS)
    s = np.random.normal(0, .15, SENS) + wear[:, None] * gain * 2.2 + np.random.normal(0, .45, (life, SENS))
    return s.astype(np.float32), np.minimum(life - 1 - t, MAX_RUL).astype(np.float32)


class Windows(Dataset):
    def __init__(self, engines, stride, mean=None, std=None):
        cat = np.concatenate([e[0] for e in engines])
        self.mean, self.std = (cat.mean(0), cat.std(0)) if mean is None else (mean, std)
        self.items = [((e[0][i - WIN:i] - self.mean) / self.std, e[1][i - 1] / MAX_RUL) for e in engines for i in range(WIN, len(e[1]) + 1, stride)]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        x, r = self.items[i]
        return torch.from_numpy(x), torch.tensor([r])


class RULNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(SENS, 32, num_layers=2, batch_first=True, dropout=.1)
        self.fc = nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x):
        h, _ = self.lstm(x)
        return self.fc(h[:, -1])


engines = [run_engine() for _ in range(100)]
train_set = Windows(engines[:80], 4)
val_set = Windows(engines[80:], 4, train_set.mean, train_set.std)
train_dl, val_dl = DataLoader(train_set, 64, shuffle=True), DataLoader(val_set, 256)
print(len(train_set), len(val_set))
net = RULNet()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
sched = torch.optim.lr_scheduler.StepLR(opt, 8, gamma=.3)
crit = nn.MSELoss()
log = DiagWriter(sys.argv[1])
log.watch(net, opt, crit)
for epoch in range(12):
    net.train()
    tr = 0.
    for x, r in train_dl:
        loss = crit(net(x), r)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
        tr += loss.item() * len(x) / len(train_set)
    sched.step()
    net.eval()
    with log.evaluating("val"):
        va = sum(crit(net(x), r).item() * len(x) for x, r in val_dl) / len(val_set)
    print(f"epoch {epoch + 1}: train {tr:.5f} val {va:.5f} (rmse {va ** .5 * MAX_RUL:.1f} cycles)")
log.close()
print(f"RESULT train={tr:.5f} val={va:.5f} rmse={va ** .5 * MAX_RUL:.1f}")
