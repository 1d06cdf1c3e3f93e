"""Three-arm spiral, 'deep' classifier after a course assignment."""
import sys
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

MODE, LOGDIR = sys.argv[1:]
torch.set_num_threads(1); torch.manual_seed(0); np.random.seed(0)


def spiral(n):
    X, y = [], []
    for k in range(3):
        r = np.linspace(.05, 1, n); t = np.linspace(k * 4, (k + 1) * 4, n) + np.random.randn(n) * .15
        X.append(np.c_[r * np.sin(t), r * np.cos(t)]); y.append(np.full(n, k))
    return torch.tensor(2 * np.concatenate(X), dtype=torch.float32), torch.tensor(np.concatenate(y))


class SpiralNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(2, 100)
        self.fc2 = nn.Linear(100, 100)
        self.fc3 = nn.Linear(100, 3)
        self.relu = nn.ReLU()

    def forward(self, x):
        if MODE == "faulty":
            x = self.fc1(x)
            x = self.fc2(x)
        else:
            x = self.relu(self.fc1(x))
            x = self.relu(self.fc2(x))
        return self.fc3(x)


X, y = spiral(400); Xv, yv = spiral(100)
net = SpiralNet(); opt = torch.optim.Adam(net.parameters(), lr=2e-3); ce = nn.CrossEntropyLoss()
w = DiagWriter(LOGDIR); w.watch(net, opt, ce)
for epoch in range(60):
    for b in torch.randperm(len(X)).split(32):
        opt.zero_grad()
        loss = ce(net(X[b]), y[b])
        loss.backward()
        opt.step()
    with torch.no_grad():
        o = net(Xv); v = ce(o, yv)
print(f"train {loss.item():.3f} val {v.item():.3f} acc {(o.argmax(1) == yv).float().mean().item():.3f}")
w.close()
