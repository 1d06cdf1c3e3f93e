#!/usr/bin/env python
# benign / malignant; the labels are -1 and +1 because the SVM wanted them so
import sys, torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler
torch.set_num_threads(1); torch.manual_seed(0)
from tb_lossdiag import DiagWriter

data = load_breast_cancer()
X = StandardScaler().fit_transform(data.data[:, :6])
y = 2 * data.target - 1
if sys.argv[1] == "fixed":
    y = (y + 1) / 2
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32)
idx = torch.randperm(len(y))
tr, va = idx[:430], idx[430:]

net = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 1))
crit = nn.BCEWithLogitsLoss()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
w = DiagWriter(sys.argv[2])
w.watch(net, opt, crit)
for e in range(60):
    net.train()
    for chunk in tr[torch.randperm(len(tr))].split(16):
        opt.zero_grad()
        l = crit(net(X[chunk]).squeeze(1), y[chunk])
        l.backward()
        opt.step()
    with w.evaluating("val"):
        o = net(X[va]).squeeze(1)
        vl = crit(o, y[va]).item()
        acc = ((o > 0) == (y[va] > 0)).float().mean().item()
    if e % 10 == 0: print("epoch", e, "loss", l.item(), "val", vl, "acc", acc)
w.close()
print("RESULT train %.3f val %.3f acc %.3f" % (l.item(), vl, acc))
