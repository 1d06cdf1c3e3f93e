"""Mineral identification from Raman spectra (12 phases), small 1-D ResNet.
Every spectrum has a fluorescence background and cosmic spikes; three pairs of minerals overlap."""
import argparse, math
import numpy as np, torch, torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

p = argparse.ArgumentParser()
p.add_argument("logdir")
p.add_argument("--epochs", type=int, default=12)
p.add_argument("--lr", type=float, default=0.05)
p.add_argument("--bs", type=int, default=50)
args = p.parse_args()
torch.set_num_threads(1); torch.manual_seed(0); np.random.seed(0)

N_CLASS, N_BINS = 12, 192
ax = np.linspace(100, 1300, N_BINS)
proto = []
for k in range(N_CLASS):
    if k in (3, 7, 11):                 # the sister phase: same bands, slightly shifted and other intensities
        q = [(c + np.random.normal(0, 5), w, a * np.random.uniform(.75, 1.3)) for c, w, a in proto[-1]]
    else:
        q = [(np.random.uniform(150, 1250), np.random.uniform(8, 22), np.random.uniform(.2, 1)) for _ in range(np.random.randint(3, 7))]
    proto.append(q)


def spectrum(k):
    shift, broad = np.random.normal(0, 3), np.random.uniform(.9, 1.4)
    s = np.zeros(N_BINS)
    for c, w, a in proto[k]:
        s += a * np.random.lognormal(0, .35) / (1 + ((ax - c - shift) / (w * broad)) ** 2)
    bg = np.random.uniform(.5, 4) * np.exp(-((ax - np.random.uniform(0, 1500)) / np.random.uniform(500, 1000)) ** 2)
    s = np.random.uniform(.3, 1) * s + bg
    s += np.random.normal(0, .09, N_BINS)
    if np.random.rand() < .3:
        s[np.random.randint(N_BINS)] += np.random.uniform(1, 6)
    return s


class Raman(Dataset):
    def __init__(self, n, augment=False):
        self.augment = augment
        self.y = np.random.randint(0, N_CLASS, n)
        x = np.stack([spectrum(k) for k in self.y])
        x = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)      # SNV
        self.x = torch.tensor(x, dtype=torch.float32)[:, None]

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        if self.augment:                    # calibration shift
            x = torch.roll(x, int(torch.randint(-2, 3, (1,))), -1)
        return x, int(self.y[i])


class Block(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.f = nn.Sequential(nn.Conv1d(cin, cout, 5, stride, 2, bias=False), nn.BatchNorm1d(cout), nn.ReLU(),
                               nn.Conv1d(cout, cout, 5, 1, 2, bias=False), nn.BatchNorm1d(cout))
        self.skip = nn.Sequential(nn.Conv1d(cin, cout, 1, stride, bias=False), nn.BatchNorm1d(cout))

    def forward(self, x):
        return torch.relu(self.f(x) + self.skip(x))


net = nn.Sequential(nn.Conv1d(1, 12, 7, 2, 3, bias=False), nn.BatchNorm1d(12), nn.ReLU(),
                    Block(12, 16, 2), Block(16, 32, 2), Block(32, 48, 2),
                    nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Dropout(.25), nn.Linear(48, N_CLASS))
train_set, val_set = Raman(3500, augment=True), Raman(800)
train_loader = DataLoader(train_set, args.bs, shuffle=True, drop_last=True)
val_loader = DataLoader(val_set, 500)
ce = nn.CrossEntropyLoss()
opt = torch.optim.SGD(net.parameters(), args.lr, momentum=.9, weight_decay=5e-4, nesterov=True)
total = args.epochs * len(train_loader)
sch = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: .5 * (1 + math.cos(math.pi * s / total)))
w = DiagWriter(args.logdir); w.watch(net, opt, ce)

for e in range(args.epochs):
    net.train(); losses = []
    for x, y in train_loader:
        loss = ce(net(x), y)
        opt.zero_grad(); loss.backward(); opt.step(); sch.step()
        losses.append(loss.item())
    net.eval(); n = v = 0
    with w.evaluating("val"), torch.no_grad():
        for x, y in val_loader:
            o = net(x); v += ce(o, y).item() / len(val_loader); n += (o.argmax(1) == y).sum().item()
    print(f"[{e + 1}/{args.epochs}] loss {np.mean(losses):.4f} | val {v:.4f} acc {n / len(val_set):.3f}")
w.close()
print(f"RESULT train {np.mean(losses):.4f} val {v:.4f} acc {n / len(val_set):.4f}")
