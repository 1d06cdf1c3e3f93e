# rain intensity classes from acoustic disdrometer patches; data set is held in RAM as one numpy array
import sys, math
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(1)


def make(n, seed):
    r = np.random.RandomState(seed)
    lab = r.randint(0, 4, n)
    out = np.zeros((n, 24, 32), np.float32)
    f = np.arange(24)[:, None]
    for i, k in enumerate(lab):
        base = 0.45 + 0.2 * np.exp(-f / 8) * r.uniform(0.6, 1.4)
        patch = base + 0.10 * r.randn(24, 32)
        for _ in range(r.poisson([2, 5, 10, 18][k])):      # drops: short broadband clicks, bigger drops sound lower
            c = r.randint(0, 32)
            fc = r.uniform(4, 20) - 1.2 * k
            amp = r.gamma(3, 0.07)
            patch[:, c] += amp * np.exp(-((f[:, 0] - fc) / 4) ** 2)
            if c < 31:
                patch[:, c + 1] += 0.5 * amp * np.exp(-((f[:, 0] - fc) / 4) ** 2)
        out[i] = patch * r.uniform(0.85, 1.15)
    return out, lab


class Disdrometer(Dataset):
    def __init__(self, specs, labels, mean, std, augment=False):
        self.specs, self.labels = specs, labels
        self.mean, self.std, self.augment = mean, std, augment

    def normalize(self, x):
        if sys.argv[1] != "faulty":
            x = x.copy()
        x -= self.mean
        x /= self.std
        return x

    def __getitem__(self, i):
        x = self.normalize(self.specs[i])
        x = torch.from_numpy(x)[None]
        if self.augment:
            x = torch.roll(x, np.random.randint(32), -1)
        return x, int(self.labels[i])

    def __len__(self):
        return len(self.specs)


np.random.seed(0)
Xtr, ytr = make(2400, 0)
Xva, yva = make(600, 1)
m, s = float(Xtr.mean()), float(Xtr.std())
print(f"mean {m:.3f} std {s:.3f}")
train_dl = DataLoader(Disdrometer(Xtr, ytr, m, s, True), 32, shuffle=True)
valid_dl = DataLoader(Disdrometer(Xva, yva, m, s), 100)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 12, 3, padding=1)
        self.c2 = nn.Conv2d(12, 24, 3, padding=1)
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(24 * 6, 4)

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.c1(x)), 2)
        x = torch.max_pool2d(torch.relu(self.c2(x)), 2)
        return self.fc(self.drop(x.mean(-1).flatten(1)))


net = Net()
crit = nn.CrossEntropyLoss()
optim = torch.optim.Adam(net.parameters(), 2e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optim, 15)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optim, crit)
for e in range(15):
    net.train(); n = t = 0
    for xb, yb in train_dl:
        optim.zero_grad()
        l = crit(net(xb), yb); l.backward(); optim.step()
        t += l.item() * len(yb); n += len(yb)
    sched.step()
    net.eval(); vl = ok = 0
    with writer.evaluating("val"), torch.no_grad():
        for xb, yb in valid_dl:
            o = net(xb)
            vl += crit(o, yb).item() * len(yb); ok += (o.argmax(1) == yb).sum().item()
    print("epoch %d train %.4f valid %.4f acc %.3f" % (e, t / n, vl / 600, ok / 600))
writer.close()
print(f"RESULT train_loss={t / n:.4f} val_loss={vl / 600:.4f} val_acc={ok / 600:.3f}")
