# Imbalanced classification: credit card fraud (keras.io example, in torch)
import sys, numpy as np, torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from sklearn.metrics import average_precision_score
from tb_lossdiag import DiagWriter
torch.set_num_threads(1); torch.manual_seed(5)
rng = np.random.default_rng(3)
N, D = 60000, 29
W = rng.normal(size=(D, D)) / np.sqrt(D)
F_ = rng.normal(size=(N, D))
y = (rng.random(N) < 0.012)
k = y.sum()
mode = rng.integers(0, 3, k)
centers = rng.normal(size=(3, D)) * 0.95
F_[y] = F_[y] * 1.3 + centers[mode]
X = F_ @ W + 0.3 * rng.normal(size=(N, D)) + 0.2 * rng.standard_t(4, size=(N, D))
X, y = X.astype("float32"), y.astype("float32")[:, None]
n_val = N // 5
train_features, train_targets, val_features, val_targets = X[:-n_val], y[:-n_val], X[-n_val:], y[-n_val:]
mean = train_features.mean(axis=0); train_features -= mean; val_features -= mean
std = train_features.std(axis=0); train_features /= std; val_features /= std

class M(nn.Module):
    def __init__(self, h=64, p=0.3):
        super().__init__()
        self.d1 = nn.Linear(D, h); self.d2 = nn.Linear(h, h); self.d3 = nn.Linear(h, 1)
        self.drop = nn.Dropout(p)
    def forward(self, x):
        x = self.drop(torch.relu(self.d1(x)))
        x = self.drop(torch.relu(self.d2(x)))
        return self.d3(x)
model = M()
# sqrt of the inverse frequency, so that probabilities stay usable
pos_weight = torch.tensor([float(np.sqrt((1 - train_targets.mean()) / train_targets.mean()))])
criterion = nn.BCEWithLogitsLoss(pos_weight=pos_weight)
opt = torch.optim.Adam(model.parameters(), 1e-3, weight_decay=1e-4)
T = torch.from_numpy
dl = DataLoader(TensorDataset(T(train_features), T(train_targets)), 256, shuffle=True)
EP = 11
sch = torch.optim.lr_scheduler.OneCycleLR(opt, 6e-3, total_steps=EP * len(dl))
w = DiagWriter(sys.argv[1])
w.watch(model, opt, criterion)
for ep in range(EP):
    tot = 0
    for a, b in dl:
        opt.zero_grad()
        l = criterion(model(a), b)
        l.backward(); opt.step(); sch.step()
        tot += l.item() / len(dl)
    with w.evaluating("val"):
        o = [model(a) for a in T(val_features).split(1000)]
        o = torch.cat(o)
        v = criterion(o, T(val_targets)).item()
    print(ep, f"loss {tot:.4f} val {v:.4f} AP {average_precision_score(val_targets, o.numpy()):.3f} recall {(o[val_targets > 0] > 0).float().mean():.3f}")
w.close()
