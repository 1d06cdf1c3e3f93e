import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.utils import shuffle
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
faulty = sys.argv[1] == 'faulty'
np.random.seed(13)
torch.manual_seed(13)

FS, LEN = 2400, 256
KINDS = ['normal', 'ball', 'inner', 'outer', 'looseness']


def window(kind):
    t = np.arange(LEN) / FS
    rot = np.random.uniform(24, 31)
    x = .3 * np.sin(2 * np.pi * rot * t + np.random.rand() * 7) + np.random.randn(LEN) * np.random.uniform(.25, .55)
    rate = {'ball': 4.7, 'inner': 5.4, 'outer': 3.6}.get(kind)
    if rate:
        f = rot * rate
        for t0 in np.arange(np.random.rand() / f, t[-1], 1 / f):
            a = np.random.uniform(.7, 1.3) * (1 + .7 * np.sin(2 * np.pi * rot * t0) if kind == 'inner' else 1)
            res = {'ball': 620, 'inner': 760, 'outer': 540}[kind] * np.random.uniform(.92, 1.08)
            d = t - t0
            x += a * np.where(d > 0, np.exp(-d * 420) * np.sin(2 * np.pi * res * np.clip(d, 0, None)), 0)
    if kind == 'looseness':
        for k in (2, 3, 4, 6):
            x += np.random.uniform(.1, .35) * np.sin(2 * np.pi * rot * k * t + np.random.rand() * 7)
    return x


# recordings come machine by machine, so the classes follow each other
signals, labels = [], []
for i, k in enumerate(KINDS):
    for _ in range(1000):
        signals.append(window(k))
        labels.append(i)
X = np.array(signals, dtype=np.float32)[:, None, :]
y = np.array(labels)

if faulty:
    X = shuffle(X)
    y = shuffle(y)
else:
    X, y = shuffle(X, y)

X = (X - X.mean()) / X.std()
split = 4000
train = DataLoader(TensorDataset(torch.tensor(X[:split]), torch.tensor(y[:split])), batch_size=32, shuffle=True)
val = DataLoader(TensorDataset(torch.tensor(X[split:]), torch.tensor(y[split:])), batch_size=250)


class WDCNN(nn.Module):
    def __init__(self):
        super().__init__()
        def block(i, o, k, s):
            return nn.Sequential(nn.Conv1d(i, o, k, s, k // 2), nn.BatchNorm1d(o), nn.ReLU(), nn.MaxPool1d(2))
        self.features = nn.Sequential(block(1, 16, 33, 4), block(16, 24, 3, 1), block(24, 32, 3, 1))
        self.classifier = nn.Linear(32, len(KINDS))

    def forward(self, x):
        return self.classifier(self.features(x).mean(-1))


net = WDCNN()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, criterion, train_loader=train)

for epoch in range(1, 9):
    net.train()
    total = right = 0
    for xb, yb in train:
        optimizer.zero_grad()
        logits = net(xb)
        loss = criterion(logits, yb)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(yb)
        right += (logits.argmax(1) == yb).sum().item()
    vtotal = vright = 0
    with writer.evaluating('val'):
        for xb, yb in val:
            logits = net(xb)
            vtotal += criterion(logits, yb).item() * len(yb)
            vright += (logits.argmax(1) == yb).sum().item()
    print(f'{epoch}: train {total/split:.4f} {right/split:.3f}  val {vtotal/1000:.4f} {vright/1000:.3f}')
writer.close()
