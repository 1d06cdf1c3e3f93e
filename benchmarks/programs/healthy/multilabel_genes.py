"""Multi-label tabular, rare labels with pos_weight, early stopping by hand."""
import sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader
from sklearn.metrics import average_precision_score
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(0)
rng = np.random.RandomState(3)
X = rng.randn(3000, 30)
W = rng.randn(30, 6) * (rng.rand(30, 6) < .3)
S = X @ W + .8 * X[:, :6] * X[:, 6:12] + .5 * rng.randn(3000, 6)
Y = (S > np.quantile(S, .88, axis=0)).astype("float32")
X = torch.tensor(X, dtype=torch.float32); Y = torch.tensor(Y)
train = DataLoader(TensorDataset(X[:2400], Y[:2400]), batch_size=48, shuffle=True)
net = nn.Sequential(nn.Linear(30, 96), nn.LayerNorm(96), nn.GELU(), nn.Dropout(.3), nn.Linear(96, 6))
pw = (1 - Y[:2400].mean(0)) / Y[:2400].mean(0)
loss_fn = nn.BCEWithLogitsLoss(pos_weight=pw.sqrt())
opt = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=.02)
writer = DiagWriter(sys.argv[1]); writer.watch(net, opt, loss_fn, train_loader=train)
best, bad = 1e9, 0
for epoch in range(40):
    net.train()
    tl = []
    for x, y in train:
        opt.zero_grad(); l = loss_fn(net(x), y); l.backward(); opt.step(); tl.append(l.item())
    with writer.evaluating("val"):
        o = net(X[2400:]); v = loss_fn(o, Y[2400:]).item()
    print(epoch, "train %.4f val %.4f mAP %.3f" % (np.mean(tl), v, average_precision_score(Y[2400:], o)))
    if v < best - 1e-4: best, bad = v, 0
    else: bad += 1
    if bad >= 4: break
writer.close()
