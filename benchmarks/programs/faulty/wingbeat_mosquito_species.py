# Mosquito species from the wing-beat spectrum of an optical trap (4 species).
# Simulated recordings with the known behaviour: fundamental + harmonics, species differ in
# frequency and in the strength of the harmonics, frequency grows with the air temperature.
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(4)
form, logdir = sys.argv[1:3]
NFFT, FS = 512, 6000
F0 = [390., 450., 520., 600.]                       # at 22 degrees
HARM = np.array([[1, .7, .25, .10], [1, .3, .5, .10], [1, .6, .6, .45], [1, .15, .15, .3]])


def record(n, t_low, t_high, seed):
    r = np.random.default_rng(seed)
    y = r.integers(0, 4, n)
    temp = r.uniform(t_low, t_high, n)
    t = np.arange(NFFT) / FS
    out = np.empty((n, NFFT // 2), "float32")
    for i in range(n):
        f0 = F0[y[i]] * (1 + .021 * (temp[i] - 22)) * (1 + .03 * r.standard_normal())
        s = .25 * r.standard_normal(NFFT)
        for k in range(4):
            s += HARM[y[i], k] * np.exp(.3 * r.standard_normal()) * np.cos(2 * np.pi * f0 * (k + 1) * t + r.uniform(0, 6.3))
        out[i] = np.log(np.abs(np.fft.rfft(s * np.hanning(NFFT)))[:-1] + .5)
    return out, y


cage = record(3200, 20, 24, 1)         # insectary, 20-24 degrees
station = record(1600, 20, 36, 2)      # trap at the field station, May to September
if form == "faulty":
    X, Y = cage
else:
    X, Y = (np.concatenate([a[:1600], b]) for a, b in zip(cage, station))
Xte, Yte = record(800, 24, 36, 3)      # village survey in summer

perm = np.random.default_rng(0).permutation(len(X))
X, Y = X[perm], Y[perm]
mu, sd = X.mean(), X.std()
ds = lambda a, b: TensorDataset(torch.tensor((a - mu) / sd)[:, None], torch.tensor(b))
train = DataLoader(ds(X[:2600], Y[:2600]), batch_size=32, shuffle=True)
val = DataLoader(ds(X[2600:], Y[2600:]), batch_size=100)
test = DataLoader(ds(Xte, Yte), batch_size=100)


class SpectrumCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv1d(1, 16, 7, padding=3)
        self.c2 = nn.Conv1d(16, 24, 7, padding=3)
        self.bn1, self.bn2 = nn.BatchNorm1d(16), nn.BatchNorm1d(24)
        self.fc1 = nn.Linear(24 * 16, 64)
        self.fc2 = nn.Linear(64, 4)

    def forward(self, x):
        x = F.max_pool1d(F.relu(self.bn1(self.c1(x))), 4)
        x = F.max_pool1d(F.relu(self.bn2(self.c2(x))), 4)
        return self.fc2(F.dropout(F.relu(self.fc1(x.flatten(1))), .3, self.training))


model = SpectrumCNN()
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
ce = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, opt, ce)


def score(loader, tag):
    l = c = n = 0
    with writer.evaluating(tag):
        for x, y in loader:
            o = model(x)
            l += ce(o, y).item() * len(y)
            c += (o.argmax(1) == y).sum().item()
            n += len(y)
    return l / n, c / n


for epoch in range(12):
    model.train()
    for x, y in train:
        opt.zero_grad()
        loss = ce(model(x), y)
        loss.backward()
        opt.step()
    v = score(val, "val")
    print("epoch %d train %.3f val %.3f acc %.3f" % (epoch, loss.item(), *v))
t = score(test, "test")
writer.close()
print("RESULT val_loss %.3f val_acc %.3f test_loss %.3f test_acc %.3f" % (*v, *t))
