"""Bow stroke type from 3 axis motion windows, trained at the lab, tested in the concert hall (sensor worn on the other arm side: axis x mirrored, gain differs; simulated)."""
import sys, numpy as np, torch, torch.nn as nn
from tb_lossdiag import DiagWriter
torch.manual_seed(0); torch.set_num_threads(1); r = np.random.RandomState(0); form, logdir = sys.argv[1:3]
t = np.arange(50) / 50
def windows(n, hall):
    k = r.randint(0, 6, n); out = np.zeros((n, 3, 50))
    for i, c in enumerate(k):
        f = 2 + c % 3; ph = r.rand() * .6
        out[i, 0] = (1 if c < 3 else -1) * np.abs(np.sin(np.pi * f * t + ph)); out[i, 1] = np.sin(2 * np.pi * f * t + ph); out[i, 2] = .5 * np.cos(np.pi * f * t + ph)
    if hall: out[:, 0] *= -1; out *= .7
    return torch.tensor(out + .35 * r.randn(n, 3, 50)).float(), torch.tensor(k)
Xl, yl = windows(1500, False); Xv, yv = windows(300, False); Xh, yh = windows(300, True)
if form == "fixed":
    Xm, ym = windows(750, True); Xl, yl = torch.cat([Xl[:750], Xm]), torch.cat([yl[:750], ym])
    Xl[750:, 0] *= -1; Xh = Xh.clone(); Xh[:, 0] *= -1
net = nn.Sequential(nn.Conv1d(3, 24, 7, padding=3), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(24, 32, 5, padding=2), nn.ReLU(), nn.Flatten(), nn.Linear(800, 6))
opt = torch.optim.Adam(net.parameters(), 1e-3); ce = nn.CrossEntropyLoss(); w = DiagWriter(logdir); w.watch(net, opt, ce)
for ep in range(15):
    for b in torch.randperm(1500).split(32):
        opt.zero_grad(); ce(net(Xl[b]), yl[b]).backward(); opt.step()
    with w.evaluating("val"): ce(net(Xv), yv)
    with w.evaluating("test"): o = net(Xh); l = ce(o, yh)
w.close(); print("RESULT test_acc %.4f test_loss %.4f" % ((o.argmax(1) == yh).float().mean(), l))
