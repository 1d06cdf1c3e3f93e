"""Shrinkage of ceramic tiles from kiln temperature, time and clay mix (simulated)."""
import sys, numpy as np, torch, torch.nn as nn
from tb_lossdiag import DiagWriter
torch.manual_seed(0); torch.set_num_threads(1); r = np.random.RandomState(0); form, logdir = sys.argv[1:3]
class Shrinkage(nn.Module):
    def __init__(self):
        super().__init__(); self.l1 = nn.Linear(3, 64); self.l2 = nn.Linear(64, 64); self.l3 = nn.Linear(64, 1); self.act = nn.ReLU()
    def forward(self, x):
        if form == "faulty":
            x = self.l1(x); x = self.l2(x); return self.l3(x)
        x = self.act(self.l1(x)); x = self.act(self.l2(x)); return self.l3(x)
x = r.uniform(-1.7, 1.7, (2000, 3)); y = np.sin(2 * x[:, 0]) * x[:, 1] + .5 * x[:, 2] ** 2 + .4 * x[:, 0] + .05 * r.randn(2000)
x = torch.tensor(x).float(); y = torch.tensor((y - y.mean()) / y.std()).float()[:, None]
m = Shrinkage(); opt = torch.optim.Adam(m.parameters(), 2e-3); f = nn.MSELoss(); w = DiagWriter(logdir); w.watch(m, opt, f)
for ep in range(20):
    for b in torch.randperm(1600).split(32):
        opt.zero_grad(); f(m(x[b]), y[b]).backward(); opt.step()
    with w.evaluating("val"): v = f(m(x[1600:]), y[1600:])
w.close(); print("RESULT val_mse %.4f" % v)
