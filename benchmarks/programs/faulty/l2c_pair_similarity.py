# Learning a pairwise similarity function G ("same character?") from all pairs within a batch
import argparse, sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Sampler, DataLoader, TensorDataset
from scipy.ndimage import gaussian_filter, affine_transform
from tb_lossdiag import DiagWriter

parser = argparse.ArgumentParser()
parser.add_argument("form"); parser.add_argument("logdir")
parser.add_argument("--epochs", default=6, type=int); parser.add_argument("--lr", default=1e-3, type=float)
args = parser.parse_args(); torch.set_num_threads(1)
torch.manual_seed(2); rng = np.random.RandomState(2)
N_CLASS, PER, BATCH = 160, 20, 50


def character():
    im = np.zeros((20, 20)); 
    for _ in range(rng.randint(2, 5)):
        p = rng.uniform(3, 17, 2); d = rng.randn(2)
        for _ in range(rng.randint(8, 18)):
            d = 0.8 * d + 0.45 * rng.randn(2); p = np.clip(p + 0.7 * d / (np.linalg.norm(d) + 1e-6), 2, 17); im[int(p[0]), int(p[1])] = 1
    return np.clip(gaussian_filter(im, 0.7) * 3, 0, 1)


def drawer(im):
    a = rng.normal(0, 0.14); s = rng.uniform(0.88, 1.12); R = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) / s
    c = np.array([9.5, 9.5])
    return affine_transform(im, R, c - R @ c + rng.uniform(-1, 1, 2), order=1) + 0.15 * rng.randn(20, 20)


protos = [character() for _ in range(N_CLASS)]
def dataset(per):
    x = np.stack([drawer(p) for p in protos for _ in range(per)]); y = np.repeat(np.arange(N_CLASS), per)
    return torch.tensor(x, dtype=torch.float32)[:, None] - 0.15, torch.tensor(y)


class RandSubClassSampler(Sampler):
    """a batch holds few classes only (dataloaders/default.py)"""
    def __init__(self, labels, k=5, batch=BATCH, length=60):
        self.labels, self.k, self.batch, self.length = labels, k, batch, length
        self.by = [np.where(labels.numpy() == c)[0] for c in range(N_CLASS)]

    def __iter__(self):
        for _ in range(self.length):
            for c in rng.choice(N_CLASS, self.k, replace=False):
                yield from rng.choice(self.by[c], self.batch // self.k, replace=False).tolist()

    def __len__(self):
        return self.length * self.batch


def PairEnum(f):
    n = len(f)
    i, j = torch.triu_indices(n, n, 1)
    return f[i], f[j], i, j


class SimilarityNet(nn.Module):
    def __init__(self):
        super().__init__()
        def blk(i, o): return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))
        self.features = nn.Sequential(blk(1, 20), blk(20, 32), blk(32, 48), nn.Flatten(), nn.Linear(48 * 4, 48))
        self.classifier = nn.Sequential(nn.Linear(96, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 1))

    def pair(self, f1, f2):
        return self.classifier(torch.cat([(f1 - f2).abs(), f1 * f2], 1)).squeeze(1)

    def forward(self, x):
        f1, f2, i, j = PairEnum(self.features(x))
        return self.pair(f1, f2), i, j


Xtr, Ytr = dataset(PER); Xva, Yva = dataset(10)
tr, va = TensorDataset(Xtr, Ytr), TensorDataset(Xva, Yva)
if args.form == "faulty":
    train_loader = DataLoader(tr, batch_size=BATCH, shuffle=True, drop_last=True)
    val_loader = DataLoader(va, batch_size=BATCH, shuffle=True, drop_last=True)
else:
    train_loader = DataLoader(tr, batch_size=BATCH, sampler=RandSubClassSampler(Ytr))
    val_loader = DataLoader(va, batch_size=BATCH, sampler=RandSubClassSampler(Yva, length=30))
model = SimilarityNet()
crit = nn.BCEWithLogitsLoss()
optim = torch.optim.Adam(model.parameters(), lr=args.lr)
sched = torch.optim.lr_scheduler.StepLR(optim, 2, 0.5)
writer = DiagWriter(args.logdir); writer.watch(model, optim, crit)
for epoch in range(args.epochs):
    model.train(); tl = []
    for x, y in train_loader:
        out, i, j = model(x)
        loss = crit(out, (y[i] == y[j]).float())
        optim.zero_grad(); loss.backward(); optim.step(); tl.append(loss.item())
    sched.step()
    model.eval(); vl, tp, fp, fn = [], 0, 0, 0
    with torch.no_grad(), writer.evaluating("val"):
        for x, y in val_loader:
            out, i, j = model(x); t = y[i] == y[j]; p = out > 0
            vl.append(crit(out, t.float()).item()); tp += (p & t).sum().item(); fp += (p & ~t).sum().item(); fn += (~p & t).sum().item()
    print(f"Epoch {epoch} train {np.mean(tl):.4f} val {np.mean(vl):.4f} similar pairs: precision {tp / max(tp + fp, 1):.3f} recall {tp / max(tp + fn, 1):.3f}")
# balanced pairs, the same for both ways of sampling
g = np.random.RandomState(9)
with torch.no_grad():
    f = model.features(Xva); a, b, t = [], [], []
    for _ in range(3000):
        c = g.randint(N_CLASS); i = c * 10 + g.randint(10)
        same = g.rand() < .5
        j = c * 10 + g.randint(10) if same else ((c + g.randint(1, N_CLASS)) % N_CLASS) * 10 + g.randint(10)
        a.append(i); b.append(j); t.append(j // 10 == c)
    p = model.pair(f[a], f[b]) > 0; t = torch.tensor(t)
writer.close()
print(f"RESULT balanced_pair_acc={(p == t).float().mean():.4f} recall_similar={(p & t).sum() / t.sum():.4f} val_loss={np.mean(vl):.4f}")
