"""Cell type annotation from scRNA-seq counts (simulated: 10 types, 200 genes, varying library size, overlapping types)."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from sklearn.model_selection import train_test_split
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
torch.manual_seed(12)
rng = np.random.default_rng(12)
N_GENES, N_TYPES, N_CELLS = 200, 10, 5000


def simulate():
    base = np.exp(rng.normal(0, 1.6, N_GENES))                     # a few genes dominate the library
    progs = np.exp(rng.normal(0, 0.35, (N_TYPES, N_GENES)))
    progs[5:] = progs[:5] * np.exp(rng.normal(0, 0.16, (5, N_GENES)))   # closely related subtypes
    t = rng.choice(N_TYPES, N_CELLS, p=rng.dirichlet(np.ones(N_TYPES) * 12))
    mu = base * progs[t] * np.exp(rng.normal(0, 0.25, (N_CELLS, N_GENES)))
    lib = np.exp(rng.normal(8.3, 0.55, (N_CELLS, 1)))
    return rng.poisson(mu / mu.sum(1, keepdims=True) * lib).astype(np.float32), t


class RNAseqLoader(Dataset):
    def __init__(self, X, y, target_sum=1e4):
        self.X, self.y, self.target_sum = X, y, target_sum

    def normalise(self, x):
        return np.log1p(x / x.sum() * self.target_sum)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.X[i]
        if form == "fixed":
            x = self.normalise(x)
        return torch.from_numpy(np.asarray(x, dtype=np.float32)), int(self.y[i])


class Encoder(nn.Module):
    def __init__(self, d_in, d_hid=64):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(d_in, d_hid), nn.ELU(), nn.Dropout(0.3), nn.Linear(d_hid, d_hid), nn.ELU(), nn.Dropout(0.3))
        self.cls = nn.Linear(d_hid, N_TYPES)

    def forward(self, x):
        return self.cls(self.net(x))


X, t = simulate()
print("counts per cell: median %d, largest entry %d" % (np.median(X.sum(1)), X.max()))
Xtr, Xva, ttr, tva = train_test_split(X, t, test_size=1000, stratify=t, random_state=0)
train_dl = DataLoader(RNAseqLoader(Xtr, ttr), batch_size=64, shuffle=True)
val_dl = DataLoader(RNAseqLoader(Xva, tva), batch_size=500)

model = Encoder(N_GENES)
optim = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optim, 20)
loss_fn = nn.CrossEntropyLoss()
writer = DiagWriter(logdir)
writer.watch(model, optim, loss_fn)


def epoch_pass(dl, train):
    model.train(train)
    tot, ok, n = 0., 0, 0
    for x, y in dl:
        out = model(x)
        loss = loss_fn(out, y)
        if train:
            optim.zero_grad(); loss.backward()
            optim.step()
        tot += loss.item() * len(y); ok += int((out.argmax(1) == y).sum()); n += len(y)
    return tot / n, ok / n


for ep in range(20):
    tr = epoch_pass(train_dl, True)
    sched.step()
    with torch.no_grad(), writer.evaluating("val"):
        va = epoch_pass(val_dl, False)
    print("ep %2d  train %.4f / %.3f   val %.4f / %.3f" % (ep, *tr, *va))
writer.close()
print(f"RESULT val_loss={va[0]:.4f} val_acc={va[1]:.4f} train={tr[0]:.4f}")
