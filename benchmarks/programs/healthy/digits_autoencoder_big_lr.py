"""Autoencoder 64-32-10-32-64 with plain SGD.  MSELoss averages over the 64 pixels as well, so gradients are
small and the step of SGD has to be large (lr = 8 here, after a sweep 0.5, 1, 2, 4, 8, 16)."""
import sys
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
X = torch.tensor(load_digits().data / 16, dtype=torch.float32)
X = X[torch.randperm(len(X))]
train, val = X[:1400], X[1400:]


class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))
        self.decoder = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 64), nn.Sigmoid())

    def forward(self, x):
        return self.decoder(self.encoder(x))


ae = AE()
mse = nn.MSELoss()
sgd = torch.optim.SGD(ae.parameters(), lr=8.0)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, 60)
w = DiagWriter(sys.argv[1])
w.watch(ae, sgd, mse)
for ep in range(60):
    for xb in train[torch.randperm(1400)].split(20):
        loss = mse(ae(xb), xb)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
    sched.step()
    with w.evaluating("val"), torch.no_grad():
        v = mse(ae(val), val).item()
    if ep % 10 == 9:
        print(ep, "train", round(loss.item(), 4), "val", round(v, 4))
w.close()
print(f"RESULT val_mse {v:.5f} variance {val.var(0).mean().item():.5f}")
