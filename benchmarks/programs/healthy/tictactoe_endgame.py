import sys
import itertools
import random
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from tb_lossdiag import DiagWriter

# The UCI "Tic-Tac-Toe Endgame" data set can be enumerated: all 958 final boards when x begins; class = x wins.
LINES = [(0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6)]
torch.set_num_threads(1)
random.seed(0)
torch.manual_seed(0)


def wins(b, p):
    return any(all(b[i] == p for i in l) for l in LINES)


def play(b, player, out):
    if wins(b, 'x') or wins(b, 'o') or 'b' not in b:
        out[''.join(b)] = wins(b, 'x')
        return
    for i in range(9):
        if b[i] == 'b':
            b[i] = player
            play(b, 'o' if player == 'x' else 'x', out)
            b[i] = 'b'


boards = {}
play(['b'] * 9, 'x', boards)
print(len(boards), 'boards', sum(boards.values()), 'positive')
items = sorted(boards.items())
random.shuffle(items)


def one_hot(b):
    return [float(c == s) for c in b for s in 'xob']


X = torch.tensor([one_hot(b) for b, _ in items])
y = torch.tensor([int(v) for _, v in items])
n_test = 190
train = DataLoader(TensorDataset(X[n_test:], y[n_test:]), batch_size=16, shuffle=True)
test = DataLoader(TensorDataset(X[:n_test], y[:n_test]), batch_size=64)


class Clf(nn.Module):
    def __init__(self, d_in=27, hidden=32):
        super().__init__()
        self.fc1 = nn.Linear(d_in, hidden)
        self.fc2 = nn.Linear(hidden, 2)

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(x)))


clf = Clf()
opt = torch.optim.SGD(clf.parameters(), lr=0.03, momentum=0.9)
lossf = nn.CrossEntropyLoss()
log = DiagWriter(sys.argv[1])
log.watch(clf, opt, lossf)
for ep in range(30):
    tl, n = 0., 0
    for xb, yb in train:
        loss = lossf(clf(xb), yb)
        opt.zero_grad(); loss.backward(); opt.step()
        tl += loss.item() * len(xb); n += len(xb)
    with log.evaluating("test"):
        vl, hit = 0., 0
        for xb, yb in test:
            o = clf(xb)
            vl += lossf(o, yb).item() * len(xb); hit += (o.argmax(1) == yb).sum().item()
    print(f'{ep:2d} train {tl / n:.4f}  test {vl / n_test:.4f}  acc {hit / n_test:.3f}')
log.close()
print(f'RESULT train={tl / n:.4f} test={vl / n_test:.4f} acc={hit / n_test:.3f}')
