"""Conveyor belt load cell: GRU reads 40 samples, tells the parcel's weight in grams (simulated)."""
import sys, numpy as np, torch, torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from tb_lossdiag import DiagWriter
torch.manual_seed(5); np.random.seed(5); torch.set_num_threads(1)
form, logdir = sys.argv[1:3]
N = 1600
g = np.random.gamma(4, 700, N); t = np.arange(40)
sig = (g[:, None] / 1000) * (1 - np.exp(-t / 6.) * np.cos(t / 2.5 + np.random.rand(N, 1))) + .05 * np.random.randn(N, 40)
x = torch.tensor((sig - sig[:1200].mean()) / sig[:1200].std(), dtype=torch.float32)[..., None]
shift, scale = (0., 1.) if form == "faulty" else (g[:1200].mean(), g[:1200].std())
y = torch.tensor((g - shift) / scale, dtype=torch.float32)[:, None]
class WeightNet(nn.Module):
    def __init__(self):
        super().__init__(); self.rnn = nn.GRU(1, 32, batch_first=True); self.out = nn.Linear(32, 1)
    def forward(self, x): return self.out(self.rnn(x)[0][:, -1])
m = WeightNet(); o = torch.optim.Adam(m.parameters(), lr=2e-3); mse = nn.MSELoss()
w = DiagWriter(logdir); w.watch(m, o, mse)
tr = DataLoader(TensorDataset(x[:1200], y[:1200]), 32, shuffle=True); va = DataLoader(TensorDataset(x[1200:], y[1200:]), 200)
for ep in range(25):
    for xb, yb in tr:
        o.zero_grad(); l = mse(m(xb), yb); l.backward(); o.step()
    err = 0
    with w.evaluating("val"):
        for xb, yb in va:
            q = m(xb); mse(q, yb); err += (q - yb).abs().sum().item() * scale / 400
    w.add_scalar("mae_grams", err, ep)
w.close(); print("RESULT val_mae_grams %.1f" % err)
