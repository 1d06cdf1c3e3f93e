# Two random whole numbers in, a combination of them out (n1^2 + n2^2), after the "sum of two numbers" tutorial.
import sys
from random import seed, randint
from math import sqrt
import numpy as np
import torch
from torch import nn
from tb_lossdiag import DiagWriter

form, logdir = sys.argv[1], sys.argv[2]
seed(1)
torch.manual_seed(1)
torch.set_num_threads(1)


def random_pairs(n_examples, n_numbers, largest):
    X, y = [], []
    for _ in range(n_examples):
        pat = [randint(1, largest) for _ in range(n_numbers)]
        X.append(pat)
        y.append(sum(v ** 2 for v in pat))
    X = np.array(X, dtype="float32") / float(largest * n_numbers)
    y = np.array(y, dtype="float32") / float(largest ** 2 * n_numbers)
    return torch.tensor(X), torch.tensor(y).unsqueeze(1)


def invert(v, n_numbers, largest):
    return v * float(largest ** 2 * n_numbers)


n_numbers, largest = 2, 100
n_batch, n_epoch = 100, 120
X, y = random_pairs(1000, n_numbers, largest)
Xt, yt = random_pairs(300, n_numbers, largest)

sizes = [n_numbers, 20, 100, 400, 100, 20]
layers = []
for a, b in zip(sizes[:-1], sizes[1:]):
    layers.append(nn.Linear(a, b))
    if form == "fixed":
        layers.append(nn.ReLU())
layers.append(nn.Linear(20, 1))
model = nn.Sequential(*layers)
mse = nn.MSELoss()
opt = torch.optim.Adam(model.parameters())

w = DiagWriter(logdir)
w.watch(model, opt, mse)
for epoch in range(n_epoch):
    model.train()
    total = 0.0
    perm = torch.randperm(len(X))
    for i in range(0, len(X), n_batch):
        idx = perm[i:i + n_batch]
        opt.zero_grad()
        loss = mse(model(X[idx]), y[idx])
        loss.backward()
        opt.step()
        total += loss.item() * len(idx)
    with w.evaluating("val"):
        vl = mse(model(Xt), yt).item()
    w.add_scalar("Loss/train", total / len(X), epoch)
    if epoch % 10 == 0:
        print(f"epoch {epoch} loss {total / len(X):.6f} val {vl:.6f}")
model.eval()
with torch.no_grad():
    p = model(Xt)
pv, tv = invert(p.numpy(), n_numbers, largest), invert(yt.numpy(), n_numbers, largest)
for e, q in list(zip(tv[:, 0], pv[:, 0]))[:8]:
    print("Expected=%d, Predicted=%d" % (e, q))
rmse = sqrt(((pv - tv) ** 2).mean())
w.close()
print("RESULT test_rmse %.1f r2 %.4f" % (rmse, 1 - ((pv - tv) ** 2).mean() / tv.var()))
