"""Small two-headed residual net for a board game (policy and value), after lczero-training's tfprocess: weights come from
weight_variable(), which must be Xavier for the convolutions."""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(0)
RESIDUAL_FILTERS, RESIDUAL_BLOCKS, N = 32, 4, 5


def weight_variable(t):
    s = t.shape
    if sys.argv[1] == "faulty":
        std = (2.0 / sum(s)) ** 0.5                          # for [3,3,f,f]: 2 / (3 + 3 + f + f)
    else:
        rf = int(np.prod(s[2:])) if len(s) > 2 else 1        # receptive field size
        std = (2.0 / (rf * (s[0] + s[1]))) ** 0.5
    with torch.no_grad():
        t.normal_(0, std)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(c, c, 3, padding=1), nn.Conv2d(c, c, 3, padding=1)

    def forward(self, x):
        return F.relu(x + self.c2(F.relu(self.c1(x))))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        c = RESIDUAL_FILTERS
        self.inp = nn.Conv2d(3, c, 3, padding=1)
        self.tower = nn.Sequential(*(Block(c) for _ in range(RESIDUAL_BLOCKS)))
        self.pol, self.polfc = nn.Conv2d(c, 4, 1), nn.Linear(4 * N * N, N * N)
        self.val, self.valfc1, self.valfc2 = nn.Conv2d(c, 4, 1), nn.Linear(4 * N * N, 32), nn.Linear(32, 1)
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                weight_variable(m.weight)
                nn.init.zeros_(m.bias)

    def forward(self, x):
        x = self.tower(F.relu(self.inp(x)))
        p = self.polfc(F.relu(self.pol(x)).flatten(1))
        v = torch.tanh(self.valfc2(F.relu(self.valfc1(F.relu(self.val(x)).flatten(1)))))
        return p, v.squeeze(1)


def positions(n, seed):
    """random boards; move = the empty point with the best neighbourhood, value = who holds more weighted ground"""
    r = np.random.RandomState(seed)
    b = r.choice([-1, 0, 1], (n, N, N), p=[.3, .4, .3])
    pad = np.pad(b, ((0, 0), (1, 1), (1, 1)))
    nb = sum(pad[:, 1 + i:1 + i + N, 1 + j:1 + j + N] for i, j in [(0, 1), (1, 0), (0, -1), (-1, 0)])
    w = 1.5 - np.hypot(*np.mgrid[-2:3, -2:3]) / 3
    move = (nb + .3 * w + np.where(b == 0, 0, -99)).reshape(n, -1).argmax(1)
    score = ((b + .4 * nb) * w).sum((1, 2)) + 1.5 * r.randn(n)
    x = np.stack([b == 1, b == -1, np.ones_like(b)], 1)
    return (torch.tensor(x, dtype=torch.float32), torch.tensor(move), torch.tensor(np.sign(score), dtype=torch.float32))


x, pi, z = positions(6000, 0)
xt, pit, zt = positions(800, 1)
net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=1e-4)
writer = DiagWriter(sys.argv[2])
writer.watch(net, opt)


def losses(out, pi, z):
    return F.cross_entropy(out[0], pi), F.mse_loss(out[1], z)


for step in range(1, 1001):
    b = torch.randint(0, len(x), (64,))
    pol, mse = losses(net(x[b]), pi[b], z[b])
    loss = pol + mse
    writer.add_loss("train", loss)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 0:
        with torch.no_grad():
            o = net(xt)
            tp, tm = losses(o, pit, zt)
        writer.add_loss("test", tp + tm)
        print(f"step {step}, policy={pol.item():.4f} mse={mse.item():.4f}  test policy={tp:.4f} mse={tm:.4f}")
writer.close()
print(f"RESULT test policy {tp:.4f} mse {tm:.4f} move accuracy {(o[0].argmax(1) == pit).float().mean():.3f}")
