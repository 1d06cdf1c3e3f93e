"""MLP trained on spectral readings collected from the literature, used on our own wet-lab plate (simulated).
Six classes of compounds, 24 absorbance channels. Our plate reader has another gain and baseline per channel."""
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(11)
rng = np.random.default_rng(11)
choice, logdir = sys.argv[1], sys.argv[2]
K, D = 6, 24
wave = np.linspace(0, 1, D)
peaks = rng.uniform(0.1, 0.9, size=(K, 3))
weights = rng.uniform(0.4, 1.0, size=(K, 3))


def readings(n):
    y = rng.integers(0, K, n)
    conc = rng.lognormal(0, 0.25, size=(n, 1))
    spec = sum(weights[y, j][:, None] * np.exp(-((wave[None] - peaks[y, j][:, None] - 0.02 * rng.normal(size=(n, 1))) / 0.09) ** 2)
               for j in range(3))
    return conc * spec + 0.10 * rng.normal(size=(n, D)), y


lit_x, lit_y = readings(4200)
exp_x, exp_y = readings(900)
exp_x = exp_x * rng.uniform(1.6, 3.0, size=D) + rng.uniform(0.8, 2.5, size=D)     # our reader

tr_x, te_x, tr_y, te_y = train_test_split(lit_x, lit_y, test_size=0.2, random_state=0, stratify=lit_y)
sc = StandardScaler()
tr_x = sc.fit_transform(tr_x)
te_x = sc.transform(te_x)
exp_x = sc.transform(exp_x) if choice == "faulty" else StandardScaler().fit_transform(exp_x)


def loader(x, y, shuffle=False):
    return DataLoader(TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(y)), batch_size=64, shuffle=shuffle)


train_dl, val_dl, exp_dl = loader(tr_x, tr_y, True), loader(te_x, te_y), loader(exp_x, exp_y)
mlp = nn.Sequential(nn.Linear(D, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, K))
optim = torch.optim.Adam(mlp.parameters(), lr=1e-3)
ce = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(mlp, optim, ce)


def score(dl, name):
    hit = 0
    with writer.evaluating(name):
        for x, y in dl:
            o = mlp(x)
            ce(o, y)
            hit += (o.argmax(1) == y).sum().item()
    return hit / len(dl.dataset)


for ep in range(24):
    mlp.train()
    for x, y in train_dl:
        optim.zero_grad()
        l = ce(mlp(x), y)
        l.backward()
        optim.step()
    acc = score(val_dl, "val")
    if ep % 8 == 7:
        print(ep + 1, round(acc, 3))
final = score(exp_dl, "test")
writer.close()
print("RESULT literature_val", round(acc, 4), "experiment", round(final, 4))
