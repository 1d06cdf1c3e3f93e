"""Lamp failures in the next week, 4 % of rows (simulated telemetry)."""
import sys, numpy as np, torch, torch.nn as nn
from sklearn.metrics import balanced_accuracy_score, f1_score
from tb_lossdiag import DiagWriter
torch.manual_seed(8); torch.set_num_threads(1); r = np.random.RandomState(8); form, logdir = sys.argv[1:3]
x = r.randn(6000, 14); score = 1.2 * x[:, 0] + x[:, 1] * x[:, 2] + .8 * x[:, 3] + .9 * r.randn(6000)
y = (score > np.quantile(score, .97)).astype(np.float32); x = torch.tensor(x).float(); y = torch.tensor(y)[:, None]
net = nn.Sequential(nn.Linear(14, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))
pw = None if form == "faulty" else (y[:4500] == 0).sum() / y[:4500].sum()
crit = nn.BCEWithLogitsLoss(pos_weight=pw); opt = torch.optim.Adam(net.parameters(), 1e-3); w = DiagWriter(logdir); w.watch(net, opt, crit)
for ep in range(12):
    for b in torch.randperm(4500).split(64):
        opt.zero_grad(); crit(net(x[b]), y[b]).backward(); opt.step()
    with w.evaluating("val"): o = net(x[4500:]); v = crit(o, y[4500:])
h = (o > 0).int().numpy(); t = y[4500:].int().numpy()
w.close(); print("RESULT balanced_acc %.4f recall %.4f f1 %.4f" % (balanced_accuracy_score(t, h), h[t == 1].mean(), f1_score(t, h)))
