"""Load torque of a robot joint from a window of encoder readings (position, commanded position, motor current), GRU.
Simulated: 14 bit encoder counts and milliampere as they come from the bus; the torque is given in units of 10 Nm."""
import argparse
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

p = argparse.ArgumentParser()
p.add_argument("form")
p.add_argument("logdir")
p.add_argument("--hidden", type=int, default=32)
p.add_argument("--lr", type=float, default=3e-3)
p.add_argument("--epochs", type=int, default=14)
a = p.parse_args()
torch.manual_seed(21)
torch.set_num_threads(1)


def windows(n, T=24, seed=0):
    r = np.random.default_rng(seed)
    t = np.arange(T)[None] * 0.02
    amp, f, ph = r.uniform(0.2, 0.9, (n, 1)), r.uniform(0.3, 1.8, (n, 1)), r.uniform(0, 6.28, (n, 1))
    q_cmd = amp * np.sin(2 * np.pi * f * t + ph)
    load = r.uniform(-1, 1, (n, 1))
    tau = 0.6 * np.sin(q_cmd) + load * np.cos(q_cmd) - 0.15 * amp * (f ** 2) * np.sin(2 * np.pi * f * t + ph)
    q = q_cmd - 0.02 * tau
    cur = 900 * tau + 250 * np.sign(np.cos(2 * np.pi * f * t + ph)) + r.normal(0, 60, (n, T))
    counts = lambda rad: np.round(8192 + rad * 16384 / (2 * np.pi))
    x = np.stack([counts(q) + r.integers(-2, 3, (n, T)), counts(q_cmd), cur], 2)
    return x.astype(np.float32), tau[:, -1:].astype(np.float32)


Xtr, ytr = windows(3000, seed=1)
Xva, yva = windows(500, seed=2)
Xte, yte = windows(1000, seed=3)
if a.form == "fixed":
    mu, sd = Xtr.mean((0, 1)), Xtr.std((0, 1))
    Xtr, Xva, Xte = (Xtr - mu) / sd, (Xva - mu) / sd, (Xte - mu) / sd
Xtr, ytr, Xva, yva, Xte, yte = map(torch.from_numpy, (Xtr, ytr, Xva, yva, Xte, yte))


class TorqueGRU(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(3, a.hidden, batch_first=True)
        self.fc = nn.Linear(a.hidden, 1)

    def forward(self, x):
        _, h = self.gru(x)
        return self.fc(h[-1])


model, mse = TorqueGRU(), nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=a.lr)
writer = DiagWriter(a.logdir)
writer.watch(model, optimizer, mse)
for epoch in range(a.epochs):
    model.train()
    for j in torch.randperm(len(Xtr)).split(64):
        optimizer.zero_grad()
        loss = mse(model(Xtr[j]), ytr[j])
        loss.backward()
        optimizer.step()
    with writer.evaluating("val"):
        v = mse(model(Xva), yva).item()
    print(f"epoch {epoch:2d} train {loss.item():.4f} val {v:.4f}")
model.eval()
with torch.no_grad():
    e = ((model(Xte) - yte) ** 2).mean()
writer.close()
print(f"RESULT test_r2 {1 - (e / yte.var()).item():.4f} test_rmse {e.sqrt().item():.4f}")
