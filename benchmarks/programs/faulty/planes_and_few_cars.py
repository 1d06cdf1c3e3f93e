import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler
from tb_lossdiag import DiagWriter

# "CIFAR-2": 0 = plane (majority), 1 = car (minority, 1 %)
torch.set_num_threads(1)
torch.manual_seed(8)
rng = np.random.default_rng(8)
balanced_sampling = sys.argv[1] != "faulty"


def draw(label):
    img = np.empty((3, 20, 20), dtype=np.float32)
    bg = rng.uniform(0.2, 0.9, 3)
    yy, xx = np.mgrid[:20, :20]
    img[:] = bg[:, None, None] + 0.12 * np.sin(xx * rng.uniform(.1, .5) + yy * rng.uniform(.1, .5) + rng.uniform(0, 6))
    col = rng.uniform(0, 1, 3)
    while abs(col - bg).mean() < 0.15:
        col = rng.uniform(0, 1, 3)
    cy, cx = rng.uniform(8, 12, 2)
    s = rng.uniform(0.8, 1.2)
    u, v = (xx - cx) / s, (yy - cy) / s
    if label == 0:
        m = (abs(v) < 1.6) & (abs(u) < 8) | (abs(u - 0.6 * abs(v)) < 1.4) & (abs(v) < 6)
    else:
        m = (abs(u) < 7.5) & (v > -1) & (v < 3.5) | (abs(u) < 4) & (v > -4.5) & (v < 0)
        w = (np.hypot(u - 4, v - 3.5) < 1.8) | (np.hypot(u + 4, v - 3.5) < 1.8)
        img[:, w] = 0.08
        m = m & ~w
    img[:, m] = col[:, None]
    return img + rng.normal(0, 0.11, img.shape)


def dataset(n0, n1):
    y = np.r_[np.zeros(n0, int), np.ones(n1, int)]
    x = np.stack([draw(k) for k in y]).astype(np.float32)
    return TensorDataset(torch.from_numpy((x - 0.5) / 0.28), torch.from_numpy(y))


train_set, test_set = dataset(4000, 40), dataset(400, 400)
if balanced_sampling:
    y = train_set.tensors[1]
    w = torch.where(y == 1, 1 / (y == 1).sum(), 1 / (y == 0).sum()).double()
    train_loader = DataLoader(train_set, 32, sampler=WeightedRandomSampler(w, len(y), replacement=True))
else:
    train_loader = DataLoader(train_set, 32, shuffle=True)
test_loader = DataLoader(test_set, 200)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(3, 16, 3, padding=1)
        self.c2 = nn.Conv2d(16, 32, 3, padding=1)
        self.f1 = nn.Linear(32 * 25, 64)
        self.f2 = nn.Linear(64, 2)
        self.d = nn.Dropout(0.4)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        return self.f2(self.d(F.relu(self.f1(x.flatten(1)))))


net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.005, momentum=0.9, weight_decay=1e-4)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt, F.cross_entropy)
for ep in range(6):
    net.train()
    tr = 0
    for x, y in train_loader:
        if torch.rand(()) < 0.5:
            x = x.flip(-1)
        x = torch.roll(x, torch.randint(-2, 3, (2,)).tolist(), (2, 3))
        opt.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        opt.step()
        tr += loss.item() / len(train_loader)
    net.eval()
    preds, ls = [], 0
    with writer.evaluating("test"):
        for x, y in test_loader:
            o = net(x)
            ls += F.cross_entropy(o, y).item() / len(test_loader)
            preds.append(o.argmax(1))
    preds = torch.cat(preds)
    t = test_set.tensors[1]
    print(f"{ep} train {tr:.4f} test {ls:.4f} acc {(preds == t).float().mean():.4f} recall of cars {preds[t == 1].float().mean():.4f}", flush=True)
writer.close()
print(f"RESULT test {ls:.4f} acc {(preds == t).float().mean():.4f} recall of cars {preds[t == 1].float().mean():.4f}")
