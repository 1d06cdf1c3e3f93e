# Spike sorting: 1D conv net on snippets around threshold crossings of an extracellular nerve recording.
# Which of 4 motor neurons fired (or noise)?
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

form, LOGDIR = sys.argv[1:3]
torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(0)
W = 60
NEURONS = ["PD", "LP", "PY", "VD", "noise"]


def template(k, t):
    if k == 0: return 1.0 * np.exp(-((t - 22) / 3.5) ** 2) - .55 * np.exp(-((t - 30) / 5.) ** 2)
    if k == 1: return 1.1 * np.exp(-((t - 22) / 5.5) ** 2) - .35 * np.exp(-((t - 36) / 6.) ** 2)
    if k == 2: return .55 * np.exp(-((t - 22) / 3.5) ** 2) - .60 * np.exp(-((t - 28) / 3.5) ** 2)
    if k == 3: return -.5 * np.exp(-((t - 18) / 3.) ** 2) + .9 * np.exp(-((t - 25) / 4.) ** 2)
    return 0 * t


def snippets(n):
    t = np.arange(W)[None]
    k = rng.integers(0, 5, n)
    X = np.zeros((n, W))
    for i in range(n):
        X[i] = rng.normal(1, .12) * template(k[i], t[0] - rng.normal(0, 1.5))
        if rng.random() < .35:                       # overlapping spike of another cell
            X[i] += .6 * template(rng.integers(0, 4), t[0] - rng.choice([-18, 18]) - rng.normal(0, 3))
        drift = np.cumsum(rng.normal(0, .015, W))
        X[i] += drift + rng.normal(0, .13, W)
        if rng.random() < .01:                       # stimulation artifact
            X[i, rng.integers(0, W)] += rng.choice([-6, 6])
    return X, k


Xs, ks = snippets(5200)
# the amplifier writes microvolts with an electrode offset
raw = Xs * 420.0 + 850.0
X = torch.tensor(raw, dtype=torch.float32)[:, None]
y = torch.tensor(ks)
Xtrain, ytrain, Xtest, ytest = X[:4000], y[:4000], X[4000:], y[4000:]
if form == "fixed":
    m, s = Xtrain.mean(), Xtrain.std()
    Xtrain, Xtest = (Xtrain - m) / s, (Xtest - m) / s


class SpikeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 16, 7, padding=3), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(32 * 15, 64), nn.ReLU(), nn.Dropout(.3), nn.Linear(64, len(NEURONS)))

    def forward(self, x):
        return self.classifier(self.features(x))


net = SpikeNet()
lossf = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
writer = DiagWriter(LOGDIR)
writer.watch(net, optimizer, lossf)
train_data = DataLoader(TensorDataset(Xtrain, ytrain), batch_size=32, shuffle=True)
for epoch in range(10):
    net.train()
    epoch_loss = 0.0
    for snippet, cell in train_data:
        optimizer.zero_grad()
        loss = lossf(net(snippet), cell)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
    net.eval()
    with torch.no_grad():
        o = net(Xtest)
    print("epoch %2d | training loss %.4f | test loss %.4f | correctly sorted %.2f %%" % (
        epoch + 1, epoch_loss / len(train_data), lossf(o, ytest).item(), 100 * (o.argmax(1) == ytest).float().mean().item()))
writer.close()
