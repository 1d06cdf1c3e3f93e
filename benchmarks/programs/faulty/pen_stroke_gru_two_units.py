import sys, math, random
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1); torch.manual_seed(5); np.random.seed(5)

# pen gestures for the editor: dx, dy per tick, 24 ticks
NAMES = ["circle_cw", "circle_ccw", "zigzag", "check", "caret", "line_r", "line_l", "wave"]

def stroke(kind):
    t = np.linspace(0, 1, 25)
    ph = np.random.uniform(-0.5, 0.5)
    if kind == 0: x, y = np.cos(2*np.pi*t + ph), -np.sin(2*np.pi*t + ph)
    elif kind == 1: x, y = np.cos(2*np.pi*t + ph), np.sin(2*np.pi*t + ph)
    elif kind == 2: x, y = 2*t, np.abs((4*t + ph) % 2 - 1)
    elif kind == 3:
        m = np.random.uniform(0.25, 0.4); x, y = 1.5*t, np.where(t < m, -t/m*0.6, -0.6 + 1.6*(t - m)/(1 - m))
    elif kind == 4: x, y = 1.2*t, 1 - np.abs(2*t - 1)
    elif kind == 5: x, y = 2*t, 0.1*ph*t
    elif kind == 6: x, y = -2*t, 0.1*ph*t
    else: x, y = 2*t, 0.4*np.sin(4*np.pi*t + ph)
    a = np.random.normal(0, 0.15); s = np.random.uniform(0.6, 1.4)
    xr, yr = s*(x*np.cos(a) - y*np.sin(a)), s*(x*np.sin(a) + y*np.cos(a))
    d = np.stack([np.diff(xr), np.diff(yr)], 1)*8
    return d + np.random.normal(0, 0.25, d.shape)

y = np.random.randint(0, 8, 2000)
X = torch.tensor(np.stack([stroke(k) for k in y]), dtype=torch.float32); y = torch.tensor(y)
Xtr, ytr, Xva, yva = X[:1600], y[:1600], X[1600:], y[1600:]

hidden_size = 2 if sys.argv[1] == "faulty" else 32

class GestureNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(2, hidden_size, batch_first=True)
        self.linear = nn.Linear(hidden_size, len(NAMES))
    def forward(self, x):
        _, h = self.gru(x)
        return self.linear(h[-1])

net = GestureNet()
optimizer = torch.optim.Adam(net.parameters(), lr=0.005)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, F.cross_entropy)

for epoch in range(24):
    p = torch.randperm(1600); running = 0
    for i in range(0, 1600, 50):
        j = p[i:i+50]
        optimizer.zero_grad()
        loss = writer.loss_fn(net(Xtr[j]), ytr[j])
        loss.backward()
        optimizer.step()
        running += loss.item()/32
    with torch.no_grad(), writer.evaluating("val"):
        o = net(Xva); vl = writer.loss_fn(o, yva).item()
    acc = (o.argmax(1) == yva).float().mean().item()
    if epoch % 4 == 3: print(f"{epoch+1}: loss {running:.3f} val {vl:.3f} acc {acc:.3f}")
writer.close()
print(f"RESULT train={running:.4f} val={vl:.4f} acc={acc:.4f}")
