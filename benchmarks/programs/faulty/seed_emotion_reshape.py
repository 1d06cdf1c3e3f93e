# EEG emotion recognition (SEED): differential entropy features, 62 electrodes x 5 bands, 3 classes
import sys, os
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(20); np.random.seed(20)
C, B = 62, 5                                    # delta theta alpha beta gamma


def electrode_positions():
    i = np.arange(C); r = np.sqrt((i + .5) / C); a = i * 2.39996
    return np.stack([r * np.cos(a), r * np.sin(a)], 1)


POS = electrode_positions()
DIST = np.linalg.norm(POS[:, None] - POS[None], axis=-1)
SMOOTH = np.exp(-(DIST / .3) ** 2); SMOOTH /= np.linalg.norm(SMOOTH, axis=1, keepdims=True)


def get_data(n):
    """returns (n, channel, band), as stored by utils.py"""
    y = np.random.randint(0, 3, n)
    band_level = np.array([23., 21., 20., 19., 18.])
    x = band_level + .9 * np.einsum("cd,ndb->ncb", SMOOTH, np.random.randn(n, C, B))
    x += .8 * np.random.randn(n, 1, 1)                                 # impedance, whole head
    ctr = POS[np.random.choice(C, n)] * .8                             # focus of the activity varies from trial to trial
    blob = np.exp(-(np.linalg.norm(POS[None] - ctr[:, None], axis=-1) / .38) ** 2)
    amp = np.random.uniform(.7, 2.0, n)[:, None]
    pattern = np.array([[0, 0, -.6, .8, 1.0], [.6, .8, .3, 0, -.3], [0, -.6, 1.1, -.5, .2]])
    x += amp[..., None] * blob[..., None] * pattern[y][:, None] * 1.5
    x += .35 * np.random.randn(n, C, B)
    return x, y


class GraphConv(nn.Module):
    def __init__(self, fi, fo):
        super().__init__()
        self.lin, self.self_lin = nn.Linear(fi, fo), nn.Linear(fi, fo)

    def forward(self, x, A):
        return self.lin(A @ x) + self.self_lin(x)


class Network(nn.Module):
    def __init__(self, hid=24):
        super().__init__()
        A = np.exp(-(DIST / .35) ** 2); A = A / A.sum(1, keepdims=True)
        self.register_buffer("A", torch.tensor(A, dtype=torch.float32))
        self.g1, self.g2 = GraphConv(B, hid), GraphConv(hid, hid)
        self.drop = nn.Dropout(.2)
        self.cls = nn.Linear(2 * hid, 3)

    def forward(self, x):                        # x: (batch, channel * band)
        if sys.argv[1] == "faulty":
            x = x.reshape(x.size(0), 5, 62).transpose(1, 2)
        else:
            x = x.reshape(x.size(0), 62, 5)
        h = F.relu(self.g1(x, self.A))
        h = F.relu(self.g2(h, self.A))
        return self.cls(self.drop(torch.cat([h.mean(1), h.max(1)[0]], 1)))


x, y = get_data(3200)
x = (x - x[:2500].mean((0, 1))) / x[:2500].std((0, 1))
x = torch.tensor(x.reshape(len(x), -1), dtype=torch.float32); y = torch.tensor(y)
src, val = slice(0, 2500), slice(2500, None)
net = Network()
optimizer = torch.optim.Adam(net.parameters(), lr=4e-3, weight_decay=1e-5)
criterion = nn.CrossEntropyLoss()
writer = DiagWriter(sys.argv[2]); writer.watch(net, optimizer, criterion)
max_iter, bs = 700, 48
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max_iter)
it, cur = 0, []
while it < max_iter:
    for b in torch.randperm(2500).split(bs):
        net.train()
        loss = criterion(net(x[src][b]), y[src][b])
        optimizer.zero_grad(); loss.backward(); optimizer.step(); sched.step()
        it += 1; cur.append(loss.item())
        if it % 100 == 0:
            net.eval()
            with torch.no_grad(), writer.evaluating("val"):
                o = net(x[val]); vl = criterion(o, y[val]).item(); acc = (o.argmax(1) == y[val]).float().mean().item()
            print("iter %d  train %.4f  val %.4f  acc %.2f%%" % (it, np.mean(cur[-100:]), vl, 100 * acc))
        if it >= max_iter: break
writer.close()
print(f"RESULT train={np.mean(cur[-100:]):.4f} val={vl:.4f} acc={acc:.4f}")
