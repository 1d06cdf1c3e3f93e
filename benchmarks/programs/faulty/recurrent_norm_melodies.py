"""Recurrent net with normalisation inside the cell: which of four simulated instruments plays the note?
Frames are mel-like envelopes: 30 steps, 12 bands; the sound starts loud and decays."""
import sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1:3]
torch.manual_seed(21)
torch.set_num_threads(1)
T, B, K = 30, 12, 4


def notes(n, seed):
    r = np.random.default_rng(seed)
    y = r.integers(0, K, n)
    t = np.arange(T)[None, :, None] / T
    b = np.arange(B)[None, None, :]
    pitch = r.uniform(1, 8, (n, 1, 1))
    decay = np.choose(y, [2.0, 4.0, 4.0, 7.0])[:, None, None] * r.uniform(.85, 1.15, (n, 1, 1))
    bright = np.choose(y, [.6, .6, 1.1, 1.1])[:, None, None] * r.uniform(.85, 1.15, (n, 1, 1))
    env = np.exp(-decay * t) * np.exp(-((b - pitch) / (2.2 * bright)) ** 2)
    vib = 1 + .25 * np.sin(2 * np.pi * t * (3 + 2 * (y % 2))[:, None, None] + r.uniform(0, 6.28, (n, 1, 1)))
    x = 4 * env * vib + r.normal(0, .12, (n, T, B))
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


class BNRNNCell(nn.Module):
    """h' = tanh( bn_x(W x) + bn_h(U h) )"""

    def __init__(self, n_in, n_h, steps):
        super().__init__()
        self.wx = nn.Linear(n_in, n_h, bias=False)
        self.wh = nn.Linear(n_h, n_h, bias=False)
        nn.init.orthogonal_(self.wh.weight)
        self.bx = nn.ModuleList(nn.BatchNorm1d(n_h) for _ in range(steps))
        self.bh = nn.ModuleList(nn.BatchNorm1d(n_h) for _ in range(steps))
        for m in [*self.bx, *self.bh]:
            nn.init.constant_(m.weight, .3)

    def forward(self, x, h, t):
        k = min(t, len(self.bx) - 1)
        return torch.tanh(self.bx[k](self.wx(x)) + self.bh[k](self.wh(h)))


class Tagger(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.cell = BNRNNCell(B, hidden, T if form == "fixed" else 1)
        self.fc = nn.Linear(hidden, K)
        self.hidden = hidden

    def forward(self, x):
        h = x.new_zeros(len(x), self.hidden)
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], h, t)
        return self.fc(h)


train_dl = DataLoader(TensorDataset(*notes(1600, 1)), batch_size=64, shuffle=True, drop_last=True)
test_dl = DataLoader(TensorDataset(*notes(600, 2)), batch_size=100)
net = Tagger()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
ce = nn.CrossEntropyLoss()
log = DiagWriter(logdir)
log.watch(net, opt, ce)
for epoch in range(20):
    net.train()
    tl = ta = n = 0
    for x, y in train_dl:
        opt.zero_grad()
        o = net(x)
        loss = ce(o, y)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        opt.step()
        tl += loss.item() * len(y)
        ta += (o.argmax(1) == y).sum().item()
        n += len(y)
    vl = va = m = 0
    with log.evaluating("test"):
        for x, y in test_dl:
            o = net(x)
            vl += ce(o, y).item() * len(y)
            va += (o.argmax(1) == y).sum().item()
            m += len(y)
    log.add_scalar("train/acc", ta / n, epoch)
    log.add_scalar("test/acc", va / m, epoch)
    print(f"{epoch:02d} train {tl / n:.3f} {ta / n:.3f}   test {vl / m:.3f} {va / m:.3f}")
log.close()
print(f"RESULT test_accuracy {va / m:.4f} test_loss {vl / m:.4f} train_accuracy {ta / n:.4f}")
