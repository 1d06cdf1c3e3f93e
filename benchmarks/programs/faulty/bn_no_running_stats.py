import sys
import numpy as np
import torch
import torch.nn as nn
import torch.utils.data as data
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
np.random.seed(12)
torch.manual_seed(12)
TRACK = sys.argv[1] == "fixed"       # faulty: running estimates switched off, "they made eval() worse"

ACTIVITIES = ["sit", "walk", "stairs", "run", "cycle"]
T = 48


def window(act, person):
    f, a, g = [(0, .05, .0), (1.6, .5, .2), (1.35, .55, .35), (2.5, 1.1, .3), (1.2, .35, -.3)][act]
    f = f * person[0]
    t = np.arange(T) / 20
    ph = np.random.rand() * 6.28
    w = np.stack([a * np.sin(2 * np.pi * f * t + ph) + g, a * .7 * np.sin(4 * np.pi * f * t + ph) + person[1],
                  a * .4 * np.cos(2 * np.pi * f * t) - g])
    return w * person[2] + .35 * np.random.randn(3, T)


class Windows(data.Dataset):
    def __init__(self, n_people, per_act):
        self.x, self.y = [], []
        for _ in range(n_people):
            person = (np.random.uniform(.85, 1.15), np.random.randn() * .15, np.random.uniform(.75, 1.25))
            for act in range(5):                    # one recording per activity
                for _ in range(per_act):
                    self.x.append(window(act, person)); self.y.append(act)
        self.x = torch.tensor(np.array(self.x), dtype=torch.float32)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


def block(i, o):
    return nn.Sequential(nn.Conv1d(i, o, 5, padding=2), nn.BatchNorm1d(o, track_running_stats=TRACK), nn.ReLU(), nn.MaxPool1d(2))


class HARNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(block(3, 12), block(12, 24))
        self.head = nn.Linear(24, 5)

    def forward(self, x):
        return self.head(self.body(x).mean(-1))


train_loader = data.DataLoader(Windows(40, 16), batch_size=64, shuffle=True)
val_loader = data.DataLoader(Windows(12, 16), batch_size=16)         # recording by recording, as it will run on the watch
net = HARNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion)


def run_epoch(loader, train):
    net.train(train)
    tot = good = cnt = 0
    for x, y in loader:
        if train:
            optimizer.zero_grad()
        out = net(x)
        loss = criterion(out, y)
        if train:
            loss.backward()
            optimizer.step()
        tot += loss.item() * len(y); good += (out.argmax(1) == y).sum().item(); cnt += len(y)
    return tot / cnt, good / cnt


for epoch in range(12):
    tl, ta = run_epoch(train_loader, True)
    with torch.no_grad(), writer.evaluating("val"):
        vl, va = run_epoch(val_loader, False)
    print(f"{epoch:3d} train {tl:.3f} / {ta:.3f}   val {vl:.3f} / {va:.3f}")
writer.close()
print(f"RESULT train {tl:.4f} train_acc {ta:.3f} val_loss {vl:.4f} val_acc {va:.3f}")
