"""Leaf wetness from 6 weather channels, 1d conv (simulated)."""
import sys, numpy as np, torch, torch.nn as nn
from tb_lossdiag import DiagWriter
torch.manual_seed(6); torch.set_num_threads(1); r = np.random.RandomState(6); form, logdir = sys.argv[1:3]
epochs = 3 if form == "faulty" else 40
x = np.cumsum(r.randn(2500, 6, 24) * .3, 2) + r.randn(2500, 6, 1); x = (x - x.mean((0, 2), keepdims=True)) / x.std((0, 2), keepdims=True)
y = np.maximum(0, x[:, 0, -8:].mean(1) * x[:, 1, -1]) + np.tanh(2 * x[:, 2, 5:15].mean(1)) - .5 * np.abs(x[:, 3, -1]) + .1 * r.randn(2500)
x = torch.tensor(x).float(); y = torch.tensor((y - y.mean()) / y.std()).float()[:, None]
net = nn.Sequential(nn.Conv1d(6, 24, 5, padding=2), nn.ReLU(), nn.Conv1d(24, 24, 5, stride=2, padding=2), nn.ReLU(), nn.Flatten(), nn.Linear(288, 48), nn.ReLU(), nn.Linear(48, 1))
opt = torch.optim.SGD(net.parameters(), lr=.01, momentum=.5); f = nn.MSELoss(); w = DiagWriter(logdir); w.watch(net, opt, f)
for e in range(epochs):
    for b in torch.randperm(2000).split(32):
        opt.zero_grad(); l = f(net(x[b]), y[b]); l.backward(); opt.step()
    with w.evaluating("val"): v = f(net(x[2000:]), y[2000:])
    print(e, l.item(), v.item())
w.close(); print("RESULT val_mse %.4f" % v)
