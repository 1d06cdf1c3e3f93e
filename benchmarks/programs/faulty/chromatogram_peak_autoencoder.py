"""compress chromatogram windows into a few numbers"""
import sys
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
MODE, LOGDIR = sys.argv[1], sys.argv[2]
rng = np.random.default_rng(3)
torch.manual_seed(3)

def make(n):
    t = np.linspace(0, 1, 64)[None]
    out = np.zeros((n, 64))
    c = rng.uniform(.15, .85, (n, 1)); wd = rng.uniform(.03, .08, (n, 1)); h = rng.uniform(.5, 1.5, (n, 1))
    z = (t - c) / wd
    out += h * np.exp(-z ** 2 / 2) * (1 + .3 * np.tanh(z))
    out += .03 * rng.standard_normal(out.shape)
    return torch.tensor(out, dtype=torch.float32)

X, V = make(4000), make(1000)
mu, sd = X.mean(), X.std()
X, V = (X - mu) / sd, (V - mu) / sd

def block(i, o):
    if MODE == "faulty":
        return nn.Linear(i, o)
    return nn.Sequential(nn.Linear(i, o), nn.ReLU())

class AE(nn.Module):
    def __init__(self, k=4):
        super().__init__()
        self.enc = nn.Sequential(block(64, 128), block(128, 64), nn.Linear(64, k))
        self.dec = nn.Sequential(block(k, 64), block(64, 128), nn.Linear(128, 64))
    def forward(self, x):
        return self.dec(self.enc(x))

ae = AE()
optimizer = torch.optim.Adam(ae.parameters(), lr=2e-3)
lr_s = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=40 * 63)
mse = nn.MSELoss()
writer = DiagWriter(LOGDIR)
writer.watch(ae, optimizer, mse)
for ep in range(40):
    ae.train()
    perm = torch.randperm(len(X)); s = 0.
    for i in range(0, len(X), 64):
        xb = X[perm[i:i + 64]]
        loss = mse(ae(xb), xb)
        optimizer.zero_grad(); loss.backward(); optimizer.step(); lr_s.step()
        s += loss.item() * len(xb)
    ae.eval()
    with torch.no_grad():
        v = np.mean([mse(ae(V[j:j + 250]), V[j:j + 250]).item() for j in range(0, 1000, 250)])
    if ep % 5 == 4:
        print(f"ep {ep} train {s / len(X):.4f} val {v:.4f}")
writer.close()
