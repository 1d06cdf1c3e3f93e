# Myo armband gestures (8 EMG channels): feature conv + dense, two dense layers with one kernel_initializer
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(6)
rs = np.random.RandomState(6)
G = 7                      # rest, fist, wave in, wave out, spread, pinch, point
activation = np.abs(rs.normal(.6, .5, (G, 8))) + .1
activation[0] = .15


def windows(n):
    lab = rs.randint(0, G, n)
    env = activation[lab] * rs.uniform(.6, 1.5, (n, 1)) * np.exp(rs.normal(0, .28, (n, 8)))
    shift = rs.choice([0, 0, 0, 1], n)                     # armband worn one electrode further, now and then
    env = np.stack([np.roll(e, s) for e, s in zip(env, shift)])
    sig = rs.normal(size=(n, 8, 40)) * env[:, :, None]
    sig[:, :, 1:] = .6 * sig[:, :, 1:] + .4 * sig[:, :, :-1]
    return torch.tensor(np.log1p(np.abs(sig) * 4), dtype=torch.float32), torch.tensor(lab)


class GestureNet(nn.Module):
    def __init__(self, kernel_initializer):
        super().__init__()
        self.conv = nn.Conv1d(8, 24, 5, padding=2)
        self.conv2 = nn.Conv1d(24, 24, 5, padding=2)
        self.dense = nn.Linear(24 * 5, 64)
        self.out = nn.Linear(64, G)
        kernel_initializer(self.dense.weight)
        kernel_initializer(self.out.weight)
        for l in (self.conv, self.conv2, self.dense, self.out):
            nn.init.zeros_(l.bias)

    def forward(self, x):
        x = F.max_pool1d(F.relu(self.conv(x)), 2)
        x = F.avg_pool1d(F.relu(self.conv2(x)), 4)
        x = F.relu(self.dense(x.flatten(1)))
        return self.out(x)


def const(w):
    return nn.init.constant_(w, 0.05)


Xtr, ytr = windows(5000)
Xva, yva = windows(1200)
net = GestureNet(const if sys.argv[1] == "faulty" else nn.init.xavier_uniform_)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
writer = DiagWriter(sys.argv[2])
writer.watch(net, optimizer, loss_fn)

step = 0
for epoch in range(12):
    net.train()
    order = torch.randperm(len(Xtr))
    for i in range(0, len(Xtr), 50):
        sel = order[i:i + 50]
        pred = net(Xtr[sel])
        loss = loss_fn(pred, ytr[sel])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
    net.eval()
    with torch.no_grad():
        with writer.evaluating("val"):
            pv = net(Xva)
            vl = loss_fn(pv, yva)
    va = (pv.argmax(1) == yva).float().mean()
    print(f"step {step} loss {loss:.3f} val {vl:.3f} acc {va:.3f}")
writer.close()
print(f"RESULT val_loss {vl:.4f} val_acc {va:.4f}")
