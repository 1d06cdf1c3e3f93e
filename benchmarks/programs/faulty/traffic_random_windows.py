import sys
import copy
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset, Subset, random_split
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
rng = np.random.default_rng(22)
torch.manual_seed(22)
torch.set_num_threads(1)

COUNTERS, LOOKBACK, AHEAD = 20, 24, 12


def loop_counters(days=16, per_day=96):
    n = days * per_day
    t = np.arange(n) / per_day
    rush = np.exp(-((t % 1 - 0.34) / 0.06) ** 2) + 0.9 * np.exp(-((t % 1 - 0.72) / 0.08) ** 2)
    level = np.zeros((n, COUNTERS))
    shock = np.zeros(COUNTERS)
    mix = rng.normal(0, 0.25, (COUNTERS, COUNTERS)) / np.sqrt(COUNTERS)
    for k in range(n):
        shock = 0.9 * shock + shock @ mix * 0.1 + 0.13 * rng.standard_normal(COUNTERS)
        level[k] = shock
    share = rng.uniform(0.5, 1.3, COUNTERS)
    flow = rush[:, None] * share + level + 0.05 * rng.standard_normal((n, COUNTERS))
    return ((flow - flow[:per_day * 12].mean(0)) / flow[:per_day * 12].std(0)).astype("float32")


class T4cDataset(Dataset):
    def __init__(self, flow):
        self.flow = torch.from_numpy(flow)

    def __len__(self):
        return len(self.flow) - LOOKBACK - AHEAD + 1

    def __getitem__(self, i):
        return self.flow[i:i + LOOKBACK], self.flow[i + LOOKBACK:i + LOOKBACK + AHEAD].mean(0)


def build(hidden=64):
    return nn.Sequential(nn.Flatten(), nn.Linear(LOOKBACK * COUNTERS, hidden), nn.ReLU(),
                         nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, COUNTERS))


def loss_on(model, loader, part):
    total, n = 0.0, 0
    with writer.evaluating(part):
        for x, y in loader:
            total += criterion(model(x), y).item() * len(y)
            n += len(y)
    return total / n


flow = loop_counters()
cut = 96 * 12
dataset = T4cDataset(flow[:cut])
test_set = T4cDataset(flow[cut:])
n_val = int(0.2 * len(dataset))
if form == "faulty":
    train_set, val_set = random_split(dataset, [len(dataset) - n_val, n_val])
else:
    gap = LOOKBACK + AHEAD
    train_set = Subset(dataset, range(len(dataset) - n_val - gap))
    val_set = Subset(dataset, range(len(dataset) - n_val, len(dataset)))
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=128)
test_loader = DataLoader(test_set, batch_size=128)

model = build()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4, weight_decay=1e-2)
criterion = nn.MSELoss()
writer = DiagWriter(logdir)
writer.watch(model, optimizer, criterion)
best, best_state, patience = float("inf"), None, 0
for epoch in range(60):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    val = loss_on(model, val_loader, "val")
    patience += 1
    if val < best:
        best, best_state, patience = val, copy.deepcopy(model.state_dict()), 0
    if patience >= 6:
        break
print("stopped after epoch", epoch)
model.load_state_dict(best_state)
test = loss_on(model, test_loader, "test")
writer.close()
print(f"RESULT best val mse {best:.4f} test mse {test:.4f}")
