"""Slope-annealed (nearly binary) sigmoid neurons, after the 'binary stochastic neurons' post by r2rt: slope grows by 4 % an epoch."""
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(17)


class SlopeSigmoid(nn.Module):
    def __init__(self):
        super().__init__()
        self.slope = 1.0
        self.sig = nn.Sigmoid()

    def forward(self, a):
        return self.sig(self.slope * a)


class SlopeAnnealer:
    def __init__(self, model, rate=1.04, max_slope=50.0):
        self.units = [m for m in model.modules() if isinstance(m, SlopeSigmoid)]
        self.rate, self.max_slope = rate, max_slope

    def step(self):
        for u in self.units:
            u.slope = min(u.slope * self.rate, self.max_slope)


d = load_digits()
X = torch.tensor(d.data).float() / 16
X = (X - X.mean()) / X.std()
y = torch.tensor(d.target)
p = torch.randperm(len(X))
X, y = X[p], y[p]
model = nn.Sequential(nn.Linear(64, 64), SlopeSigmoid(), nn.Linear(64, 64), SlopeSigmoid(), nn.Linear(64, 10))
annealer = SlopeAnnealer(model)
opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
writer = DiagWriter(sys.argv[2])
writer.watch(model, opt, F.cross_entropy)
for epoch in range(25):
    for idx in torch.randperm(1300).split(32):
        loss = F.cross_entropy(model(X[idx]), y[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        if sys.argv[1] == "faulty":
            annealer.step()
    if sys.argv[1] == "fixed":
        annealer.step()
    with writer.evaluating("val"):
        out = model(X[1300:])
        v = F.cross_entropy(out, y[1300:]).item()
    acc = (out.argmax(1) == y[1300:]).float().mean().item()
    if epoch % 4 == 0:
        print(f"{epoch} slope {annealer.units[0].slope:.2f} train {loss.item():.3f} val {v:.3f} acc {acc:.3f}")
writer.close()
print(f"RESULT val {v:.3f} acc {acc:.3f}")
