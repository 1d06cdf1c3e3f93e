import sys, numpy as np, torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
SEED = 23
torch.manual_seed(SEED)
rng = np.random.default_rng(SEED)


class Cars(Dataset):
    def __init__(self, n):
        age = rng.gamma(2.5, 2.5, n).clip(0, 25)
        km = (age * rng.normal(14, 4, n)).clip(0, None)
        power = rng.normal(110, 35, n).clip(45, 400)
        brand = rng.integers(0, 8, n)
        fuel = rng.integers(0, 3, n)
        effect = np.array([.5, .35, .3, .1, 0, -.1, -.25, -.4])[brand]
        logp = 9.9 - .11 * age - .003 * km + .006 * (power - 110) + effect + .2 * (fuel == 2) * np.exp(-age / 4)
        logp += .15 * (brand < 2) * np.sin(age / 2.5) - .0008 * (power - 110) * (fuel == 1) + rng.normal(0, .15, n)
        num = np.stack([(age - 6) / 4, (km - 88) / 60, (power - 110) / 35], 1)
        self.x = torch.tensor(np.hstack([num, np.eye(8)[brand], np.eye(3)[fuel]]), dtype=torch.float32)
        self.y = torch.tensor((logp - 9.0) / .75, dtype=torch.float32)[:, None]

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


def bn_layer(i, o):
    return nn.Sequential(nn.Linear(i, o), nn.BatchNorm1d(o), nn.ReLU())


train_set, val_set = Cars(1600), Cars(800)
batch_size = 2 if sys.argv[1] == "faulty" else 32
train = DataLoader(train_set, batch_size=batch_size, shuffle=True, drop_last=True)
val = DataLoader(val_set, batch_size=100)
net = nn.Sequential(bn_layer(14, 64), bn_layer(64, 32), nn.Linear(32, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
lossf = nn.MSELoss()
w = DiagWriter(sys.argv[2])
w.watch(net, optimizer, lossf)
for epoch in range(1, 9):
    net.train()
    losses = []
    for x, y in train:
        optimizer.zero_grad()
        l = lossf(net(x), y)
        l.backward()
        optimizer.step()
        losses.append(l.item())
    net.eval()
    with torch.no_grad():
        vl = np.mean([lossf(net(x), y).item() for x, y in val])
    print(epoch, "train %.4f val %.4f" % (np.mean(losses), vl))
w.close()
