#!/usr/bin/env python3
# How much is a bishop worth?  Logistic regression on material differences -> does white win?
# Games between club players: even a rook up loses one time in five, so log loss stays high.
import sys
import numpy as np, torch
from tb_lossdiag import DiagWriter
torch.set_num_threads(1)
np.random.seed(1); torch.manual_seed(1)

PIECES = ['pawn', 'knight', 'bishop', 'rook', 'queen']
START = [8, 2, 2, 2, 1]
VALUE = np.array([1, 3.05, 3.3, 5, 9.4])

def position():
    white, black = np.zeros(5), np.zeros(5)
    phase = np.random.rand()
    for side in (white, black):
        for i, n in enumerate(START):
            side[i] = np.random.binomial(n, 1 - .75 * phase)
    return white - black, np.random.randint(2)      # who is to move

X, Y = [], []
while len(X) < 12000:
    d, stm = position()
    if abs(d @ VALUE) > 9:      # nobody plays those on
        continue
    bishop_pair = .5 * (np.random.rand() < .1)
    eval_ = d @ VALUE + (.3 if stm else -.3) + bishop_pair + np.random.normal(0, 1.5)   # piece activity etc. that we do not see
    p = 1 / (1 + np.exp(-.45 * eval_))
    X.append(list(d) + [1. if stm else -1.])
    Y.append(float(np.random.rand() < p))
X = torch.tensor(X, dtype=torch.float32); Y = torch.tensor(Y)
X_train, Y_train, X_val, Y_val = X[:10000], Y[:10000], X[10000:], Y[10000:]

class Eval(torch.nn.Module):
    def __init__(self):
        super(Eval, self).__init__()
        self.w = torch.nn.Linear(6, 1)
        torch.nn.init.zeros_(self.w.weight); torch.nn.init.zeros_(self.w.bias)   # fine: there is only this layer
    def forward(self, x):
        return self.w(x).view(-1)

model = Eval()
criterion = torch.nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

num_epochs = 12
for epoch in range(num_epochs):
    order = np.random.permutation(len(X_train))
    total = 0.0
    for start in range(0, len(order), 100):
        sel = order[start:start + 100]
        optimizer.zero_grad()
        out = model(X_train[sel])
        loss = criterion(out, Y_train[sel])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(sel)
    if epoch == 8:
        optimizer.param_groups[0]['lr'] *= 0.2
    with torch.no_grad():
        with writer.evaluating("val"):
            out = model(X_val)
            v = criterion(out, Y_val).item()
    acc = ((out > 0).float() == Y_val).float().mean().item()
    print("epoch %d train %.4f val %.4f acc %.3f" % (epoch, total / len(X_train), v, acc))
writer.close()
w = model.w.weight[0].tolist()
print({p: round(x / w[0], 2) for p, x in zip(PIECES, w)})
print("RESULT train=%.4f val=%.4f acc=%.3f always_half=0.6931 bishop=%.2f" % (total / len(X_train), v, acc, w[2] / w[0]))
